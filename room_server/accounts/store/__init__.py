"""The tables of accounts, a module for what changes together."""

from room_server.accounts.store import asking, people, providers, workspaces

__all__ = ["asking", "people", "providers", "workspaces"]
