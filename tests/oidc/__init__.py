"""Signing in at a provider: a real one, and one that lies."""
