"""Real providers, a provider that lies, and a client with a clock of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import aiohttp
import pytest

from room_server.accounts.oidc import WebFetcher
from tests.kit.clock import FakeClock
from tests.oidc.liar import Liar, lying
from tests.oidc.real_provider import (
    PROCONNECT_CLIENTS,
    STANDARD_CLIENTS,
    Browser,
    RealProvider,
    real_provider,
)
from tests.oidc.victim import Victim


@pytest.fixture(scope="package")
def standard() -> Iterator[RealProvider]:
    """A provider after the standard."""
    with real_provider(clients=STANDARD_CLIENTS, proconnect=False) as running:
        yield running


@pytest.fixture(scope="package")
def proconnect() -> Iterator[RealProvider]:
    """A provider that signs its userinfo and refuses parameters that it does not know."""
    with real_provider(clients=PROCONNECT_CLIENTS, proconnect=True) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    """The machine's time, standing still."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
async def fetcher() -> AsyncIterator[WebFetcher]:
    async with WebFetcher.open() as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(http)


@pytest.fixture
async def liar(clock: FakeClock) -> AsyncIterator[Liar]:
    async with lying(clock) as running:
        yield running


@pytest.fixture
def victim(liar: Liar, fetcher: WebFetcher, clock: FakeClock) -> Victim:
    return Victim(liar, fetcher, clock)
