"""The application: events, access, rooms, over HTTP."""

__version__ = "0.1.0"
