"""What a client makes of notices: its snapshot, kept up to date as `docs/protocol.md` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from room_server.room.chat import HISTORY_MESSAGES

State = dict[str, Any]


def followed(notices: Iterable[tuple[str, Any]]) -> State:
    """The state after the notices of one connection, of which the first is the snapshot."""
    state: State = {}
    for event, payload in notices:
        state = payload if event == "room.snapshot" else _after(state, event, payload)
    return state


def comparable(state: State) -> State:
    """The state without what is no part of the promise: the order of people and CTAs, the time of asking."""
    kept = {name: value for name, value in state.items() if name != "server_time"}
    kept["people"] = sorted(state["people"], key=lambda person: person["person_id"])
    kept["ctas"] = sorted(state["ctas"], key=lambda cta: cta["cta_id"])
    return kept


def _after(state: State, event: str, payload: Any) -> State:  # noqa: PLR0911, PLR0912 - one a notice
    match event:
        case "room.person":
            others = [one for one in state["people"] if one["person_id"] != payload["person"]["person_id"]]
            return {**state, "people": [*others, payload["person"]] if payload["here"] else others}
        case "room.count":
            return {**state, "count": payload["count"]}
        case "chat.message":
            held = _without(state["held"], payload["message"]["message_id"])
            return {**state, "held": held, "messages": _with(state["messages"], payload["message"])}
        case "chat.held":
            return {**state, "held": _with(state["held"], payload["message"])}
        case "chat.removed":
            return {**state, "held": _without(state["held"], payload["message_id"])}
        case "chat.mode":
            return {**state, "chat_mode": payload["mode"]}
        case "cta.show":
            others = [one for one in state["ctas"] if one["cta_id"] != payload["cta"]["cta_id"]]
            return {**state, "ctas": [*others, payload["cta"]]}
        case "cta.hide":
            return {**state, "ctas": [one for one in state["ctas"] if one["cta_id"] != payload["cta_id"]]}
        case "stage.changed":
            return {**state, "stage": payload, "me": _me(state["me"], payload)}
        case "media.layers" | "media.codecs":
            return state  # of the publisher's own peer, which a new connection replaces
        case "playback.position":
            return {**state, "playback": payload}
        case "playback.timeline":
            return {**state, "timeline": payload}
        case "session.state":
            return {**state, "session": {**state["session"], **payload}}
    raise AssertionError(f"nothing is said of {event}")


def _me(me: Any, stage: Any) -> Any:
    on_it = [one["person_id"] for one in stage["on_stage"]]
    may = me["role"] != "participant" or me["person_id"] in (*on_it, *stage["invited"])
    return {**me, "may_publish": may}


def _with(messages: list[Any], message: Any) -> list[Any]:
    merged = [*_without(messages, message["message_id"]), message]
    return sorted(merged, key=lambda one: (one["sent_at"], one["message_id"]))[-HISTORY_MESSAGES:]


def _without(messages: list[Any], message_id: str) -> list[Any]:
    return [one for one in messages if one["message_id"] != message_id]
