"""`web/src/wire.ts`: the payloads as interfaces, the events as two type maps, the limits as constants."""

from __future__ import annotations

import json

from room_server.access.rules import Role
from room_server.room.chat import HISTORY_MESSAGES, MAX_TEXT_CHARS
from room_server.room.permissions import Action, may_over
from signaling import wire
from signaling.payload import Wire
from signaling.shapes import FieldShape, enums, fields, models, own_fields, type_name
from signaling.tables import CONNECT_ERRORS, ERRORS, NOTICES, REQUESTS

_HEAD = """\
// Generated from signaling/wire.py and signaling/tables.py by `make docs`. Do not edit.

/** An instant, RFC 3339 in UTC, always with six decimals: as text, instants sort as they followed. */
export type Instant = string;
"""

_CONSTANTS = {
    "MAX_SDP_BYTES": wire.MAX_SDP_BYTES,
    "MAX_TEXT_CHARS": MAX_TEXT_CHARS,
    "MAX_PACKET_BYTES": wire.MAX_PACKET_BYTES,
    "HISTORY_MESSAGES": HISTORY_MESSAGES,
}

_TAIL = """\
export type RequestName = keyof Requests;
export type NoticeName = keyof Notices;

/** What every request is acknowledged with. */
export type Ack<Reply> = { readonly ok: Reply } | { readonly error: WireError };
"""


def typescript() -> str:
    """The whole file."""
    parts = [_HEAD, _constants(), *(_union(type_name(enum), list(enum)) for enum in enums())]
    parts += [_union("ErrorCode", list(ERRORS)), _union("ConnectErrorCode", list(CONNECT_ERRORS))]
    parts += [_interface(model) for model in models()]
    parts += [_requests(), _request_limits(), _notices(), _governs(), _TAIL]
    return "\n".join(parts)


def _constants() -> str:
    return "".join(f"export const {name} = {value};\n" for name, value in _CONSTANTS.items())


def _union(name: str, values: list[str]) -> str:
    lines = "".join(f"\n\t| {json.dumps(str(value))}" for value in values)
    return f"export type {name} ={lines};\n"


def _interface(model: type[Wire]) -> str:
    parent = model.__base__
    extends = f" extends {parent.__name__}" if parent is not None and parent is not Wire else ""
    doc = _comment(model.__doc__ or "")
    if not fields(model):
        return f"{doc}export type {model.__name__} = Record<string, never>;\n"
    body = "".join(_property(shape) for shape in own_fields(model))
    return f"{doc}export interface {model.__name__}{extends} {{\n{body}}}\n"


def _property(shape: FieldShape) -> str:
    mark = "?" if shape.optional else ""
    note = f"\t/** {shape.limits} */\n" if shape.limits else ""
    return f"{note}\treadonly {shape.name}{mark}: {shape.type};\n"


def _comment(doc: str) -> str:
    lines = [" ".join(line.split()) for line in doc.strip().splitlines()]
    if not lines:
        return ""
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _requests() -> str:
    body = "".join(
        f"\t/** {' '.join(request.does.split())} By {request.sender.value}. */\n"
        f"\treadonly {json.dumps(event)}: {{ readonly payload: {request.payload.__name__};"
        f" readonly reply: {request.reply.__name__} }};\n"
        for event, request in REQUESTS.items()
    )
    return f"/** Client to server; each is acknowledged. */\nexport interface Requests {{\n{body}}}\n"


def _request_limits() -> str:
    body = "".join(
        f"\t{json.dumps(event)}: {{ limit: {request.limit}, perSeconds: {request.per_s} }},\n"
        for event, request in REQUESTS.items()
    )
    kind = "Readonly<Record<RequestName, { readonly limit: number; readonly perSeconds: number }>>"
    note = "/** How many of each request a connection may send. */\n"
    return f"{note}export const LIMITS: {kind} = {{\n{body}}};\n"


def _notices() -> str:
    body = "".join(
        f"\t/** Told to {notice.told}. */\n\treadonly {json.dumps(event)}: {notice.payload.__name__};\n"
        for event, notice in NOTICES.items()
    )
    return f"/** Server to client; never acknowledged. */\nexport interface Notices {{\n{body}}}\n"


def _governs() -> str:
    done_to_people = (Action.INVITE, Action.MUTE, Action.REMOVE)
    body = ""
    for role in Role:
        below = [other for other in Role if all(may_over(role, action, other) for action in done_to_people)]
        body += f"\t{role.value}: [{', '.join(json.dumps(other.value) for other in below)}],\n"
    note = "/** To whom each role may do what is done to people: mute, send off the stage, remove. */\n"
    return f"{note}export const GOVERNS: Readonly<Record<Role, readonly Role[]>> = {{\n{body}}};\n"
