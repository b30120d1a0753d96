"""A server that knows two real providers, one of them in the manner of ProConnect, and one that is down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from room_server.accounts.oidc import Provider
from tests.kit.people import Person, owner
from tests.kit.server import ServerUnderTest, start_server
from tests.oidc.real_provider import SECRET, RealProvider, real_provider
from tests.providers.travelling import Traveller, traveller


def client(name: str, **more: object) -> Mapping[str, object]:
    """Return how the server is registered: as a native program, so that any port of loopback will do."""
    return {
        "client_id": "room",
        "client_secret": SECRET,
        "application_type": "native",
        "redirect_uris": [f"http://127.0.0.1/sign-in/{name}/back"],
        "post_logout_redirect_uris": [f"http://127.0.0.1/sign-out/{name}/back"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        **more,
    }


@pytest.fixture(scope="package")
def standard() -> Iterator[RealProvider]:
    with real_provider(clients=[client("there")], proconnect=False) as running:
        yield running


@pytest.fixture(scope="package")
def proconnect() -> Iterator[RealProvider]:
    signed = {
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "ES256",
    }
    with real_provider(clients=[client("pro", **signed)], proconnect=True) as running:
        yield running


@pytest.fixture
def ways(standard: RealProvider, proconnect: RealProvider) -> dict[str, Provider]:
    down = {"issuer": "http://127.0.0.1:9", "client_id": "room", "label": "Down"}
    return {
        "there": standard.settings(label="The agency"),
        "pro": proconnect.proconnect("room", label="ProConnect", acr_values=["eidas1"]),
        "down": Provider.model_validate(down),
    }


@pytest.fixture
async def server(tmp_path: Path, ways: dict[str, Provider]) -> AsyncIterator[ServerUnderTest]:
    async with start_server(tmp_path, sign_ins_per_minute=100_000, oidc=ways) as running:
        yield running


@pytest.fixture
async def ada(server: ServerUnderTest) -> AsyncIterator[Person]:
    """The owner of a workspace, whose address the providers know as Ada's."""
    async with owner(server, "ada@example.org", name="Ada") as found:
        yield found


@pytest.fixture
async def laptop(server: ServerUnderTest) -> AsyncIterator[Traveller]:
    """Ada's browser, signed in nowhere."""
    async with traveller(server, "ada@example.org") as found:
        yield found


@pytest.fixture
async def other(server: ServerUnderTest) -> AsyncIterator[Traveller]:
    """Another browser, signed in nowhere."""
    async with traveller(server, "bob@example.org") as found:
        yield found
