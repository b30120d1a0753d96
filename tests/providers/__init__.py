"""Signing in at providers through a whole server."""
