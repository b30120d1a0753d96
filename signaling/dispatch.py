"""From a request to its acknowledgement: validation, handler, reply; the one place where errors are worded.

    event, data ──► payload ──► handler ──► {"ok": reply}
                       │           └ Refused: its code      anything else: logged under an id, internal
                       bad_request, naming the field

Invariant: what a client is told of a bug of ours is an id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from room_server import ids
from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.room.service import RoomService
from signaling import chat_events, media_events, room_events
from signaling.handlers import Handler
from signaling.tables import REQUESTS, WireError

_log = structlog.get_logger(__name__)

HANDLERS: dict[str, Handler] = {**media_events.HANDLERS, **chat_events.HANDLERS, **room_events.HANDLERS}

Say = Callable[[str, str, Mapping[str, object]], str]
"""Words an error: code, language, facts."""


async def answer(
    rooms: RoomService, who: Admission, event: str, arguments: tuple[Any, ...], say: Say
) -> dict[str, Any]:
    """Return the acknowledgement of one request."""
    request = REQUESTS[event]
    try:
        payload = request.payload.model_validate(_only(arguments))
        reply = await HANDLERS[event](rooms, who, payload)
        if reply is None:
            return {"ok": {}}
        return {"ok": request.reply.model_validate(reply).model_dump(mode="json")}
    except ValidationError as error:
        return refusal(Refused("bad_request", 400, {"field": _field(error)}), who.language, say)
    except Refused as refused:
        return refusal(refused, who.language, say)
    except Exception:
        return internal(event, who.language, say)


def refusal(refused: Refused, language: str, say: Say) -> dict[str, Any]:
    """The acknowledgement of something refused."""
    facts = refused.facts
    field, retry_after_s = facts.get("field"), facts.get("retry_after_s")
    error = WireError(
        code=refused.code,
        detail=say(refused.code, language, facts),
        field=field if isinstance(field, str) else None,
        retry_after_s=retry_after_s if isinstance(retry_after_s, float) else None,
    )
    return {"error": error.model_dump(mode="json")}


def internal(event: str, language: str, say: Say) -> dict[str, Any]:
    """The acknowledgement of a bug of ours, which is logged under the id it gives."""
    error_id = ids.new()
    _log.exception("request_failed", error_id=error_id, request=event)
    return refusal(Refused("internal", 500, {"id": error_id}), language, say)


def _only(arguments: tuple[Any, ...]) -> Any:
    """The one argument of a request; none stands for an empty payload."""
    if not arguments:
        return {}
    if len(arguments) > 1 or not isinstance(arguments[0], dict):
        raise Refused("bad_request", 400)
    return arguments[0]


def _field(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"])
