"""What is wrong with the settings, in the words of who set them.

Invariant: the value of a secret is never repeated.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from annotated_types import Ge, Le
from pydantic import ValidationError

from room_server.config import Settings, is_secret, known_variables, unknown_variables, variable
from room_server.http.texts import texts

_LONGEST_VALUE = 80
_NO_FACTS: Mapping[str, str] = MappingProxyType({})
_EXPECTED = {
    "data_dir": "path",
    "host": "address",
    "tcp_port": "port_or_off",
    "advertise": "addresses",
    "metrics_host": "address",
    "public_url": "url",
    "trusted_proxy": "networks",
    "tls_certificate": "path",
    "tls_key": "path",
    "key": "key",
    "node_id": "node_id",
    "turn_urls": "turn_urls",
    "turn_secret": "turn_secret",
    "smtp_url": "smtp_url",
    "mail_from": "mail_from",
    "host_access": "host_access",
    "oidc": "oidc",
    "demo_film": "path",
    "log_level": "log_level",
}
"""What each setting takes that is no number: a key of the catalogue."""


def faults(error: ValidationError, language: str) -> list[str]:
    """Return a sentence for each setting that is wrong: its variable, its value, what is expected."""
    found = error.errors(include_url=False, include_context=False)
    return list(dict.fromkeys(_fault(fault, language) for fault in found))


def warnings(language: str) -> list[str]:
    """Return a sentence for each `ROOM_*` variable that nothing reads, with the nearest that is."""
    return [_unknown(name, language) for name in unknown_variables()]


def unreadable(error: OSError, language: str) -> str:
    """Return what to say of a file of settings that cannot be read."""
    facts = {"file": str(error.filename), "reason": error.strerror or str(error)}
    return texts().page("settings.unreadable", language, **facts)


def expected(field: str, language: str) -> str:
    """Return what a setting takes."""
    kind, facts = (_EXPECTED[field], _NO_FACTS) if field in _EXPECTED else _number(field)
    return texts().page(f"settings.expected.{kind}", language, **facts)


def _fault(fault: Mapping[str, Any], language: str) -> str:
    if not fault["loc"]:
        return texts().page(f"settings.{fault['type']}", language)
    field = str(fault["loc"][0])
    facts = {"name": variable(field) + _place(fault["loc"]), "expected": expected(field, language)}
    if is_secret(field):
        return texts().page("settings.wrong_secret", language, **facts)
    return texts().page("settings.wrong", language, value=str(fault["input"])[:_LONGEST_VALUE], **facts)


def _place(loc: Sequence[int | str]) -> str:
    """Return where in a setting of several parts the fault is, as in " (proconnect.issuer)"."""
    parts = [part for part in loc[1:] if isinstance(part, str) and part != "[key]"]
    return f" ({'.'.join(parts)})" if parts else ""


def _unknown(name: str, language: str) -> str:
    nearest = difflib.get_close_matches(name.upper(), sorted(known_variables()), 1)
    if not nearest:
        return texts().page("settings.unknown", language, name=name)
    return texts().page("settings.unknown_near", language, name=name, nearest=nearest[0])


def _number(field: str) -> tuple[str, Mapping[str, str]]:
    about = Settings.model_fields[field]
    least, most = _bound(about.metadata, Ge, "ge"), _bound(about.metadata, Le, "le")
    kind = "number" if about.annotation is float else "whole"
    if most is None:
        return f"{kind}_from", {"least": f"{least:g}"}
    return kind, {"least": f"{least:g}", "most": f"{most:.0f}"}


def _bound(metadata: Iterable[Any], kind: type, name: str) -> float | None:
    return next((float(getattr(one, name)) for one in metadata if isinstance(one, kind)), None)
