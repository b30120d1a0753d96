"""Errors, by who reads them.

    Refused          somebody asked for what may not be: stable code, safe to show, worded by the catalogue
    └ ProtocolError  the client is broken: it sent what no client of ours sends
    anything else    our bug: logged with an id, answered generically

Invariant: `facts` hold nothing secret and nothing about others than the one who asked; they are sent as they
are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NO_FACTS: Mapping[str, object] = MappingProxyType({})


class Refused(Exception):
    """A refusal with a stable `code`, an HTTP `status` and `facts` for its words (datetimes are aware)."""

    def __init__(self, code: str, status: int = 409, facts: Mapping[str, object] = _NO_FACTS) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.facts = facts


class ProtocolError(Refused):
    """A client sent something malformed; `facts` may name the field, never its value."""

    def __init__(
        self, code: str = "malformed", status: int = 400, facts: Mapping[str, object] = _NO_FACTS
    ) -> None:
        super().__init__(code, status, facts)
