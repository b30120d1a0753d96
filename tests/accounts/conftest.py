"""People of a workspace: its owner, an administrator, a member, and others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from room_server.accounts.rules import Role
from tests.kit.people import Person, owner, person
from tests.kit.server import ServerUnderTest, start_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerUnderTest]:
    """A whole server where the tests, which share one address, may ask as often as they like."""
    async with start_server(tmp_path, sign_ins_per_minute=100_000) as running:
        yield running


@pytest.fixture
async def zoe(server: ServerUnderTest) -> AsyncIterator[Person]:
    """The owner."""
    async with owner(server) as found:
        yield found


@pytest.fixture
async def ada(server: ServerUnderTest, zoe: Person) -> AsyncIterator[Person]:
    """An administrator."""
    async with person(server, "ada@example.org") as found:
        await zoe.invites(found, Role.ADMIN, "Ada")
        yield found


@pytest.fixture
async def bob(server: ServerUnderTest, zoe: Person) -> AsyncIterator[Person]:
    """A member."""
    async with person(server, "bob@example.org") as found:
        await zoe.invites(found, Role.MEMBER, "Bob")
        yield found


@pytest.fixture
async def eve(server: ServerUnderTest) -> AsyncIterator[Person]:
    """The owner of another workspace."""
    async with owner(server, "eve@example.org", "Another workspace", "Eve") as found:
        yield found


@pytest.fixture
async def nobody(server: ServerUnderTest) -> AsyncIterator[Person]:
    """A browser that is signed in nowhere."""
    async with person(server, "nobody@example.org") as found:
        yield found
