"""The documented interface is the served one: OpenAPI 3.1, checked by a generator of requests."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.kit.people import owner
from tests.kit.server import ServerUnderTest, start_server

for text in ("application/sdp", "application/trickle-ice-sdpfrag"):
    schemathesis.serializer.alias(text, "text/plain")

OPERATIONS = {
    ("GET", "/"),
    ("GET", "/a/{token}"),
    ("GET", "/a/{token}/chat-log.csv"),
    ("POST", "/api/join"),
    ("POST", "/api/whep"),
    ("OPTIONS", "/api/whep"),
    ("POST", "/api/whep/{token}"),
    ("OPTIONS", "/api/whep/{token}"),
    ("POST", "/api/whip"),
    ("OPTIONS", "/api/whip"),
    ("POST", "/api/whip/{token}"),
    ("OPTIONS", "/api/whip/{token}"),
    ("PATCH", "/api/streams/{stream_id}"),
    ("DELETE", "/api/streams/{stream_id}"),
    ("OPTIONS", "/api/streams/{stream_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/sent"),
    ("GET", "/sign-in/{provider}"),
    ("GET", "/sign-in/{provider}/back"),
    ("GET", "/connect"),
    ("GET", "/connect/{token}"),
    ("POST", "/connect/{token}"),
    ("POST", "/account/ways"),
    ("GET", "/sign-out/{provider}/back"),
    ("GET", "/signed-out"),
    ("GET", "/sign-in/link/{token}"),
    ("POST", "/sign-in/link/{token}"),
    ("GET", "/password"),
    ("POST", "/password"),
    ("GET", "/password/{token}"),
    ("POST", "/password/{token}"),
    ("GET", "/host-access"),
    ("POST", "/host-access"),
    ("GET", "/host-access/sent"),
    ("GET", "/invitation/{token}"),
    ("POST", "/invitation/{token}"),
    ("GET", "/workspaces"),
    ("GET", "/account"),
    ("POST", "/account"),
    ("POST", "/sign-out"),
    ("GET", "/workspaces/{workspace_id}/team"),
    ("POST", "/workspaces/{workspace_id}/team"),
    ("GET", "/workspaces/{workspace_id}/leave"),
    ("POST", "/workspaces/{workspace_id}/leave"),
    ("GET", "/workspaces/{workspace_id}/ownership"),
    ("POST", "/workspaces/{workspace_id}/ownership"),
    ("POST", "/api/sign-in/link"),
    ("POST", "/api/sign-in"),
    ("POST", "/api/sign-in/password"),
    ("DELETE", "/api/sign-in"),
    ("POST", "/api/password/link"),
    ("POST", "/api/password"),
    ("POST", "/api/host-access-requests"),
    ("POST", "/api/invitations/accept"),
    ("GET", "/api/account"),
    ("PATCH", "/api/account"),
    ("PUT", "/api/account/password"),
    ("GET", "/api/account/sign-ins"),
    ("DELETE", "/api/account/sign-ins"),
    ("DELETE", "/api/account/sign-ins/{sign_in_id}"),
    ("GET", "/api/workspaces"),
    ("GET", "/api/workspaces/{workspace_id}/members"),
    ("PATCH", "/api/workspaces/{workspace_id}/members/{account_id}"),
    ("DELETE", "/api/workspaces/{workspace_id}/members/{account_id}"),
    ("DELETE", "/api/workspaces/{workspace_id}/membership"),
    ("PUT", "/api/workspaces/{workspace_id}/ownership"),
    ("GET", "/api/workspaces/{workspace_id}/invitations"),
    ("POST", "/api/workspaces/{workspace_id}/invitations"),
    ("DELETE", "/api/workspaces/{workspace_id}/invitations/{invitation_id}"),
    ("POST", "/api/workspaces/{workspace_id}/invitations/{invitation_id}/resend"),
}

BY_COOKIE = ("/api/account", "/api/workspaces", "/api/sign-in", "/account", "/workspaces", "/sign-")
"""Where a sign-in may change the answer."""


async def test_every_operation_is_documented(server: ServerUnderTest) -> None:
    document = (await server.ask("GET", "/api/openapi.json")).body
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == OPERATIONS
    served = {
        (route.method, route.resource.canonical)
        for route in server.running.app.router.routes()
        if route.resource is not None and not route.resource.canonical.startswith(("/static", "/socket.io"))
    }
    assert {(method, path) for method, path in served if method != "HEAD"} == OPERATIONS


@pytest.mark.parametrize("path", ["/api/join", "/api/whep/{token}", "/api/whip/{token}"])
async def test_the_join_documents_every_refusal_of_the_interface(server: ServerUnderTest, path: str) -> None:
    document = (await server.ask("GET", "/api/openapi.json")).body
    responses = document["paths"][path]["post"]["responses"]
    codes = {
        code
        for response in responses.values()
        for media in response["content"].values()
        for part in media["schema"].get("allOf", ())
        for code in part.get("properties", {}).get("code", {}).get("enum", ())
    }
    assert codes >= {
        "unknown_link",
        "removed",
        "link_revoked",
        "session_cancelled",
        "session_over",
        "link_frozen",
        "not_open_yet",
        "seat_taken",
        "room_full",
        "rate_limited",
        "storage_full",
        "malformed",
    }


async def test_the_documentation_page_needs_nothing_from_elsewhere(server: ServerUnderTest) -> None:
    page = await server.ask("GET", "/api/docs", headers={"Accept-Language": "fr"})
    assert page.status == 200
    assert "/api/join" in page.text
    assert "Interface HTTP" in page.text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text)
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "signed_in"),
    [
        (method, path, signed_in)
        for method, path in sorted(OPERATIONS - {("GET", "/api/docs")})
        for signed_in in ((False, True) if path.startswith(BY_COOKIE) else (False,))
    ],
)
async def test_answers_to_made_up_requests_are_as_documented(
    tmp_path: Path, method: str, path: str, signed_in: bool
) -> None:
    """To who is signed in nowhere, and to the owner of the workspace that the path names."""
    limits: dict[str, Any] = dict.fromkeys(
        ("joins_per_minute", "unknown_links_per_minute", "sign_in_tries"), 100_000
    )
    async with start_server(tmp_path, sign_ins_per_minute=100_000, **limits) as server:
        document = (await server.ask("GET", "/api/openapi.json")).body
        headers: dict[str, str] = {}
        if signed_in:
            async with owner(server) as zoe:
                cookie = next(one.value for one in zoe.http.cookie_jar if one.key == "sign-in")
                headers["Cookie"] = f"sign-in={cookie}"
                _always_the_same(document, zoe.workspace_id)
        await asyncio.to_thread(_examine, document, method, path, server.url, headers)


def _always_the_same(document: dict[str, Any], workspace_id: str) -> None:
    """Let made-up requests speak of a workspace that is there."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "workspace_id":
                    parameter["schema"] = {"const": workspace_id}


def _examine(document: dict[str, Any], method: str, path: str, url: str, headers: dict[str, str]) -> None:
    operation = schemathesis.openapi.from_dict(document)[path][method]
    asked = 0

    @given(case=operation.as_strategy())
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def conforms(case: schemathesis.Case[Any]) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(
            base_url=url,
            headers=headers,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    conforms()
    assert asked > 0
