"""`docs/protocol.md`: the wire for authors of other clients."""

from __future__ import annotations

from signaling import wire
from signaling.payload import Wire
from signaling.shapes import enums, fields, models, type_name
from signaling.tables import CONNECT_ERRORS, ERRORS, NOTICES, REQUESTS

_HEAD = """\
<!-- Generated from signaling/wire.py and signaling/tables.py by `make docs`. Do not edit. -->

# Protocol of a room

For authors of other clients. A client joins over HTTP, follows the room over Socket.IO, and receives media
over WebRTC. Names stay; payloads may gain fields in notices and replies, so ignore what you do not know.
The server refuses unknown fields in requests.

## Connecting

1. `POST /api/join` with `{"token", "device_key", "take_over": false}`. `token` is the last part of the
   access link; `device_key` is random, kept by the client, one a device. The reply is `{"signalling_url",
   "ticket", "room": {"session_id", "title", "event_title"}}`.
2. Within ten seconds, connect Socket.IO (protocol 5) at `signalling_url`, path `/socket.io`, transport
   **websocket only**, namespace `/room`, with `auth: {"ticket": "…"}`. A ticket works once. A refusal is a
   connect error whose `message` is one of the codes below and whose `data` is `{"code", "detail"}`.
3. The first notice is `room.snapshot`. It replaces everything the client knew; notices then change it. The
   state after any notices equals a fresh snapshot, so a client may always reconnect instead of wondering.
4. Send `media.offer` once: receive-only m-lines as many as `slots` says of each kind, and m-lines to send
   if the client publishes. Slot k of a kind is the k-th receive m-line of that kind. Slot 0 is the
   programme, slots from 1 are the stage; `stage.changed` says who is in which. There is no renegotiation:
   to begin publishing, after ICE failed, or on `media.lost`, send a new offer from a new peer connection,
   which replaces the one before. Candidates stand in the SDP (the server answers with all of its own); there
   is no trickle. A camera may be sent in up to three layers (`a=simulcast:send`, RFC 8853).
5. Say with `media.view` how high each video slot is shown: it decides which layer comes. Who sends layers
   hears in `media.layers` which of them somebody watches.
6. Send VP8 unless `media.codecs` names another codec: it says what everybody in the room decodes. A client
   that cannot show VP9 or AV1 well leaves them out of its offer.

When the socket closes, repeat from step 1 with the same `device_key`, **unless** `seat.moved` or
`seat.removed` came before: the seat is then elsewhere or gone, and the client stays closed until its person
asks.

## Requests and acknowledgements

Emit the event with one argument, the payload (`{}` when it has no fields), and ask for an acknowledgement.
It is `{"ok": reply}` or `{"error": {"code", "detail", "field", "retry_after_s"}}`; the last two may be
null. What is acknowledged is stored. A request without an answer may be repeated: `chat.post` with the same
`key` returns the first answer and makes no second message; the others change nothing when done twice, or
say that it was done.
"""

_LIMITS = """\
A packet longer than {packet:,} bytes closes the connection that sent it. A connection that reads too slowly
is closed by the server and finds everything in the snapshot when it comes back. The server pings every
{every} seconds and gives a client {timeout} seconds to answer.
"""


def protocol_page() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        _LIMITS.format(packet=wire.MAX_PACKET_BYTES, every=wire.PING_EVERY_S, timeout=wire.PING_TIMEOUT_S),
    ]
    parts += ["## Requests", *(_request(event) for event in REQUESTS)]
    parts += ["## Notices", *(_notice(event) for event in NOTICES)]
    parts += ["## Parts of payloads", *(_part(model) for model in _parts())]
    parts += ["## Words", _words()]
    parts += [
        "## Errors",
        _codes("Code of a request", ERRORS),
        _codes("Code of a connection", CONNECT_ERRORS),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _request(event: str) -> str:
    request = REQUESTS[event]
    reply = request.reply.__name__ if fields(request.reply) else "{}"
    return (
        f"### `{event}` → `{reply}`\n\n{' '.join(request.does.split())} By {request.sender.value};"
        f" at most {request.limit} in {request.per_s} s.\n\n"
        f"{_described(request.payload)}"
    )


def _notice(event: str) -> str:
    notice = NOTICES[event]
    return f"### `{event}`\n\nTold to {notice.told}. {_described(notice.payload)}"


def _part(model: type[Wire]) -> str:
    return f"### `{model.__name__}`\n\n{_described(model)}"


def _parts() -> list[type[Wire]]:
    """Models that stand inside others or are replies: those no event describes."""
    described = {request.payload for request in REQUESTS.values()}
    described |= {notice.payload for notice in NOTICES.values()}
    return [model for model in models() if model not in described and fields(model)]


def _described(model: type[Wire]) -> str:
    if not fields(model):
        return "No fields."
    doc = " ".join((model.__doc__ or "").split())
    rows = "".join(
        f"| `{shape.name}` | {_cell(shape.type)}{', may be left out' if shape.optional else ''}"
        f"{', ' + shape.limits if shape.limits else ''} |\n"
        for shape in fields(model)
    )
    return f"{doc}\n\n| Field | Type |\n|---|---|\n{rows}"


def _cell(type_name: str) -> str:
    plain = type_name.replace("readonly ", "").replace(" | ", " or ")
    return f"list of {plain.removesuffix('[]')}" if plain.endswith("[]") else plain


def _words() -> str:
    lines = [f"- `{type_name(enum)}`: {', '.join(f'`{value}`' for value in enum)}" for enum in enums()]
    return "\n".join(["- `Instant`: RFC 3339 in UTC, six decimals, so that instants sort as text", *lines])


def _codes(title: str, codes: dict[str, str]) -> str:
    rows = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in codes.items())
    return f"| {title} | Meaning |\n|---|---|\n{rows}"
