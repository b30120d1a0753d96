"""What a payload looks like, read once from the models for both generators."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from signaling.payload import Wire
from signaling.tables import NOTICES, REQUESTS, WireError

_SCALARS = {str: "string", int: "number", float: "number", bool: "boolean", datetime: "Instant"}
_WIRE_NAMES = {"ClosingReason": "RemovedReason"}
"""Where clients use another word than the server: they hear `seat.removed`."""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field: its type in TypeScript's words, whether it may be left out, and its limits for people."""

    name: str
    type: str
    optional: bool
    limits: str


def fields(model: type[Wire]) -> list[FieldShape]:
    """All fields of `model`, inherited ones first."""
    return [
        FieldShape(name, type_name(info.annotation), not info.is_required(), _limits(info))
        for name, info in model.model_fields.items()
    ]


def own_fields(model: type[Wire]) -> list[FieldShape]:
    """The fields that `model` adds to its parent."""
    parent = model.__base__
    inherited = parent.model_fields if parent is not None and issubclass(parent, Wire) else {}
    return [shape for shape in fields(model) if shape.name not in inherited]


def type_name(annotation: Any) -> str:
    """`annotation` in TypeScript's words: `string | null`, `readonly Message[]`, `ChatMode`."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join("null" if one is type(None) else type_name(one) for one in arguments)
    if origin is tuple:
        return f"readonly {type_name(arguments[0])}[]"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum | Wire):
        return _WIRE_NAMES.get(annotation.__name__, annotation.__name__)
    raise TypeError(f"no word for {annotation!r} on the wire")


def models() -> list[type[Wire]]:
    """Every payload, reply and part of one; parts stand before what holds them."""
    found: dict[type[Wire], None] = {}
    for root in _roots():
        for part in _closure(root):
            found.setdefault(part)
    return list(found)


def enums() -> list[type[StrEnum]]:
    """Every enumeration that a payload uses, by name."""
    found: set[type[StrEnum]] = set()
    for model in models():
        for info in model.model_fields.values():
            found.update(one for one in _types_in(info.annotation) if issubclass(one, StrEnum))
    return sorted(found, key=type_name)


def _roots() -> Iterator[type[Wire]]:
    yield WireError
    for request in REQUESTS.values():
        yield request.payload
        yield request.reply
    for notice in NOTICES.values():
        yield notice.payload


def _closure(model: type[Wire]) -> Iterable[type[Wire]]:
    parent = model.__base__
    if parent is not None and parent is not Wire and issubclass(parent, Wire):
        yield from _closure(parent)
    for info in model.model_fields.values():
        for part in _types_in(info.annotation):
            if issubclass(part, Wire):
                yield from _closure(part)
    yield model


def _types_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        yield annotation
    for part in get_args(annotation):
        yield from _types_in(part)


def _limits(info: FieldInfo) -> str:
    words: list[str] = []
    bounds: dict[str, Any] = {}
    for constraint in info.metadata:
        for name in ("min_length", "max_length", "ge", "le", "pattern"):
            value = getattr(constraint, name, None)
            if value is not None:
                bounds[name] = value
    if "pattern" in bounds:
        return f"{bounds['min_length']} to {bounds['max_length']} of A-Z a-z 0-9 _ -"
    if "max_length" in bounds:
        words.append(f"{bounds.get('min_length', 0):,} to {bounds['max_length']:,} characters")
    if "ge" in bounds:
        words.append(f"{bounds['ge']:,} to {bounds['le']:,}")
    return ", ".join(words)
