"""Workspaces, the people who work in them, how they sign in and what they may do.

    account ──membership (role)──► workspace        a person may belong to several
    account ◄── sign-in                             one browser; its cookie is all that admits
    mailed link ─► sign-in | password | invitation  once, for a short while, by a press and never by a GET

Guest speakers have no account: they hold access links (`room_server.access`).
"""
