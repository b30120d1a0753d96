"""Workspaces, the tenants that own events."""
