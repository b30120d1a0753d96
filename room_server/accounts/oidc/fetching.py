"""Asking a provider over HTTP: one answer, within a time and a size, never led elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, Self

import aiohttp

TIMEOUT_S = 10.0
MAX_BODY_BYTES = 256 * 1024

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET, or with a `form`, encoded, a POST."""

    url: str
    form: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """`content_type` is in lower case, without parameters."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


class FetchFailed(Exception):
    """There is no answer.  `reason` is a word for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreachable(FetchFailed):
    """Nobody answers, or too late, or they say that they cannot at present."""


class Unreadable(FetchFailed):
    """Somebody answers, and it is not read."""


class Fetcher(Protocol):
    """What the client asks of HTTP."""

    async def fetch(self, ask: Ask) -> Answer:
        """Return the answer, of whatever status below 500.  Raises `Unreachable` and `Unreadable`."""


class WebFetcher:
    """A `Fetcher` on aiohttp.

    Neither cookies nor proxies of the environment; a redirect is refused, since whoever may redirect us
    chooses what we read; a compressed body is refused, since its size is not what arrives.
    """

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float = TIMEOUT_S) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    @classmethod
    @asynccontextmanager
    async def open(cls, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Self]:
        """Return one with a session of its own, until the end of the block."""
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers={"User-Agent": "room-server"}
        ) as session:
            yield cls(session, timeout_s)

    async def fetch(self, ask: Ask) -> Answer:
        headers = {
            "Accept": "application/json, application/jwt",
            "Accept-Encoding": "identity",
            **ask.headers,
        }
        if ask.form is not None:
            headers["Content-Type"] = _FORM
        try:
            async with self._session.request(
                "GET" if ask.form is None else "POST",
                ask.url,
                data=None if ask.form is None else ask.form.encode("ascii"),
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return await _read(response)
        except aiohttp.ClientSSLError:
            raise Unreadable("certificate") from None
        except TimeoutError:
            raise Unreachable("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unreachable("connection") from None


async def _read(response: aiohttp.ClientResponse) -> Answer:
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unreachable("status")
    if response.status in range(300, 400):
        raise Unreadable("redirect")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unreadable("encoding")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Unreadable("too_large")
    return Answer(response.status, response.content_type.lower(), bytes(body))
