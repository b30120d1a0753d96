"""A session's room: who is here, the stage, the chat, CTAs, and running the session.

Rules (`chat`, `roster`, `stage`, `permissions`, `position`) know no I/O; services decide, store, then tell.
"""
