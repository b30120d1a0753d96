"""The access page: what it says in each state, in which language, and with which headers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from room_server.access.rules import PageState, Role
from room_server.events.rules import SessionState
from room_server.ids import PersonId
from tests.kit.server import Reply, ServerUnderTest, start_server

FRENCH = {"Accept-Language": "fr"}


def island(page: Reply) -> Any:
    """Return the facts that the page hands to its script."""
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', page.text, re.DOTALL)
    assert found, page.text[:500]
    return json.loads(found[1])


async def page_in(server: ServerUnderTest, state: PageState) -> Reply:
    """Bring a link into `state` and open it."""
    session = await server.session(starts_in_s=7_200 if state is PageState.EARLY else 0)
    link = await server.link(session, name="Zoé <b>")
    access = server.running.access
    match state:
        case PageState.UNKNOWN:
            return await server.ask("GET", "/a/never-given-to-anybody")
        case PageState.REVOKED:
            await access.revoke(link.link_id)
        case PageState.REMOVED:
            await access.remove_person(link.session_id, link.person_id, by=PersonId("host"))
        case PageState.CANCELLED | PageState.OVER:
            async with server.running.database.transaction() as tx:
                end = SessionState.CANCELLED if state is PageState.CANCELLED else SessionState.MISSED
                await server.running.events.set_state(tx, session.session_id, end)
        case PageState.FROZEN:
            for number in range(5):
                await server.join(link, f"device-{number}", take_over=True)
    return await server.ask("GET", f"/a/{server.token(link)}")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PageState.OPEN, 200),
        (PageState.EARLY, 200),
        (PageState.FROZEN, 200),
        (PageState.REMOVED, 200),
        (PageState.OVER, 410),
        (PageState.CANCELLED, 410),
        (PageState.REVOKED, 410),
        (PageState.UNKNOWN, 404),
    ],
)
async def test_each_state_has_its_page_and_status(
    server: ServerUnderTest, state: PageState, status: int
) -> None:
    page = await page_in(server, state)

    assert page.status == status
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert island(page)["state"] == state.value
    assert "Zoé <b>" not in page.text, "a name is text, never markup"


async def test_the_page_knows_what_the_press_will_need(server: ServerUnderTest) -> None:
    session = await server.session(starts_in_s=60, event_title="Learning the planner", title="Second date")
    link = await server.link(session, Role.HOST, name="Zoé")

    facts = island(await server.ask("GET", f"/a/{server.token(link)}"))

    assert facts["event_title"] == "Learning the planner"
    assert facts["session_title"] == "Second date"
    assert facts["name"] == "Zoé"
    assert facts["role"] == "host"
    assert facts["may_publish"] is True
    assert facts["time_zone"] == "Europe/Paris"
    assert facts["starts_at"] == session.starts_at.isoformat().replace("+00:00", "Z")
    assert server.token(link) not in json.dumps(facts)


@pytest.mark.parametrize(
    ("query", "cookie", "accepts", "link_speaks", "expected"),
    [
        ("?lang=fr", "en", "en", "en", "fr"),
        ("", "fr", "en", "en", "fr"),
        ("", None, "fr-CH, en;q=0.8", "en", "fr"),
        ("", None, "de, en;q=0.5, fr;q=0.4", "fr", "en"),
        ("", None, "de", "fr", "fr"),
        ("", None, "", "fr", "fr"),
        ("?lang=xx", "yy", "zz;q=x,,;", "en", "en"),
    ],
)
async def test_the_reader_chooses_the_language(
    server: ServerUnderTest, query: str, cookie: str | None, accepts: str, link_speaks: str, expected: str
) -> None:
    link = await server.link(await server.session(), language=link_speaks)
    headers = {"Accept-Language": accepts} | ({"Cookie": f"lang={cookie}"} if cookie else {})

    page = await server.ask("GET", f"/a/{server.token(link)}{query}", headers=headers)

    assert f'<html lang="{expected}"' in page.text
    assert page.headers["Content-Language"] == expected


async def test_a_chosen_language_is_kept_for_the_refusals_too(server: ServerUnderTest) -> None:
    link = await server.open_link()
    page = await server.ask("GET", f"/a/{server.token(link)}?lang=fr")
    assert page.headers["Set-Cookie"].startswith("lang=fr")

    body = {"token": "wrong", "device_key": "a-laptop"}
    reply = await server.ask("POST", "/api/join", json=body)
    assert reply.body["detail"].startswith("Ce lien ne mène nulle part")


async def test_a_link_is_neither_stored_nor_referred_to_nor_framed(server: ServerUnderTest) -> None:
    """Links are secrets: nothing may keep one, nor tell another site of it."""
    headers = (await server.ask("GET", f"/a/{server.token(await server.open_link())}")).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "aiohttp" not in headers["Server"]


async def test_every_style_of_the_page_is_one_that_its_policy_lets_through(server: ServerUnderTest) -> None:
    page = await server.ask("GET", f"/a/{server.token(await server.open_link())}")
    nonce = re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])
    assert nonce
    assert all(f'nonce="{nonce[1]}"' in tag for tag in re.findall(r"<style[^>]*>", page.text))
    assert not re.findall(r"<[a-z][^>]*\sstyle=", page.text)
    assert not re.findall(r"<[a-z][^>]*\son[a-z]+=", page.text)
    inline = [tag for tag in re.findall(r"<script[^>]*>", page.text) if "src=" not in tag]
    assert inline == ['<script type="application/json" id="page">']


async def test_two_answers_never_share_a_nonce(server: ServerUnderTest) -> None:
    path = f"/a/{server.token(await server.open_link())}"
    policies = {(await server.ask("GET", path)).headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


async def test_behind_a_trusted_proxy_the_page_is_one_of_tls(tmp_path: Path) -> None:
    """The proxy's word counts: sockets by wss to the public host, HSTS, a cookie for TLS alone."""
    async with start_server(tmp_path, trusted_proxy="127.0.0.1/32") as server:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "rooms.example"}
        link = await server.open_link()
        page = await server.ask("GET", f"/a/{server.token(link)}?lang=fr", headers=forwarded)

        assert "connect-src 'self' wss://rooms.example;" in page.headers["Content-Security-Policy"]
        assert "max-age" in page.headers["Strict-Transport-Security"]
        assert "Secure" in page.headers["Set-Cookie"]
