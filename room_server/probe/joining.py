"""From an access link to a ticket: what a browser's *Join* does over HTTP."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum, auto

import aiohttp

USER_AGENT = "room-server probe"


OURS = ("bad_link", "unreachable", "not_understood", "disconnected", "timed_out")
"""Codes of what no server said."""


class ProbeRefused(Exception):
    """The server refused, or could not be understood.  `code` is the server's stable code or one of `OURS`;
    `detail` the server's sentence, or what is known besides."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class TakeOver(Enum):
    """What to do about a seat that another device holds."""

    NEVER = auto()
    AT_ONCE = auto()


@dataclass(frozen=True, slots=True)
class Link:
    """An access link taken apart; `base` has no slash at its end."""

    base: str
    token: str


@dataclass(frozen=True, slots=True)
class Ticket:
    signalling_url: str
    ticket: str
    session_id: str


def read_link(link: str) -> Link:
    """Take `https://host/a/{token}` apart.  Raise `ProbeRefused("bad_link")` for anything else."""
    base, found, rest = link.strip().partition("/a/")
    token = rest.split("?")[0].split("#")[0].rstrip("/")
    if not found or not base.startswith(("http://", "https://")) or not token or "/" in token:
        raise ProbeRefused("bad_link")
    return Link(base, token)


def fresh_device_key() -> str:
    return secrets.token_urlsafe(16)


async def take_seat(http: aiohttp.ClientSession, link: Link, device_key: str, take_over: TakeOver) -> Ticket:
    """Press *Join*.  Raise `ProbeRefused` with the code of the server's problem (RFC 9457)."""
    body = {"token": link.token, "device_key": device_key, "take_over": take_over is TakeOver.AT_ONCE}
    try:
        async with http.post(f"{link.base}/api/join", json=body) as response:
            told = await response.json(content_type=None)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise ProbeRefused("unreachable", f"{link.base}: {error or type(error).__name__}") from error
    if not isinstance(told, dict):
        raise ProbeRefused("not_understood", f"status {response.status} without an object")
    if response.status != 200:
        raise ProbeRefused(str(told.get("code", "not_understood")), str(told.get("detail", response.status)))
    try:
        return Ticket(str(told["signalling_url"]), str(told["ticket"]), str(told["room"]["session_id"]))
    except (KeyError, TypeError) as error:
        raise ProbeRefused("not_understood", f"the join reply lacks {error}") from error
