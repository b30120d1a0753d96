"""How the demo tells its links: a page for people, one line of JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from room_server.demo.workspace import Demo, DemoSession
from room_server.events.service import ChatMode, RoomType
from room_server.http.texts import texts


@dataclass(frozen=True, slots=True)
class Where:
    """Where the server runs."""

    url: str
    udp_port: int
    metrics_url: str
    data_dir: str
    temporary: bool


def as_json(demo: Demo, where: Where) -> str:
    """Return the line that `--json` prints."""
    said: dict[str, Any] = {
        "url": where.url,
        "udp_port": where.udp_port,
        "metrics_url": where.metrics_url,
        "data_dir": where.data_dir,
        "pid": os.getpid(),
        "admin": {"email": demo.owner.email, "password": demo.owner.password},
        "sessions": [
            {
                "id": one.session.session_id,
                "room_type": one.session.room_type.value,
                "chat_mode": one.session.chat_mode.value,
                "state": one.session.state.value,
                "starts_at": one.session.starts_at.isoformat().replace("+00:00", "Z"),
                "links": one.links,
            }
            for one in demo.sessions
        ],
        "found": demo.found,
    }
    return json.dumps(said)


def as_text(demo: Demo, where: Where, language: str) -> str:
    """Return the page for the terminal."""

    def say(key: str, **facts: object) -> str:
        return texts().page(f"demo.{key}", language, **facts)

    kept = "found" if demo.found else "temporary" if where.temporary else "kept"
    lines = ["", f"  {say('title', url=where.url)}", ""]
    for one in demo.sessions:
        lines += [*_session(one, say), ""]
    lines += [f"  {say('owner', link=f'{where.url}/sign-in')}"]
    lines += [f"    {demo.owner.email}  {demo.owner.password}", ""]
    lines += [f"  {say(key, folder=where.data_dir)}" for key in (kept, "hint", "stop")]
    return "\n".join([*lines, ""])


def _session(one: DemoSession, say: Callable[..., str]) -> list[str]:
    session = one.session
    if session.room_type is RoomType.AUTOMATED:
        kind = say("automated")
    else:
        kind = say("moderated" if session.chat_mode is ChatMode.MODERATED else "live")
    lines = [f"  {session.event_title}  ({kind}, {say(session.state.value)})"]
    for role in ("host", "participant"):
        for name, link in zip(one.people[role], one.links[role], strict=True):
            lines.append(f"    {say(role, name=name):<26} {link}")
    return lines
