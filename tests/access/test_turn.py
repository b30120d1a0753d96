"""Credentials for a TURN server: what a join hands out, and what a real coturn says to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from room_server.access.turn import Turn
from room_server.config import load
from room_server.doctor import relay
from room_server.doctor.finding import Status
from tests.kit.coturn import SECRET, Coturn, coturn
from tests.kit.server import ServerUnderTest, start_server

NOW = datetime(2026, 12, 3, 14, 0, tzinfo=UTC)
URL = "turns:turn.example.org:443"


def test_a_name_carries_its_end_and_the_password_is_its_signature() -> None:
    """draft-uberti-behave-turn-rest-00, section 2.2."""
    [one] = Turn((URL,), SECRET, timedelta(hours=12)).servers(NOW)
    [other] = Turn((URL,), SECRET, timedelta(hours=12)).servers(NOW)
    ends, _, name = one.username.partition(":")
    assert (one.urls, int(ends)) == ((URL,), int((NOW + timedelta(hours=12)).timestamp()))
    assert name
    assert one.username != other.username
    signature = hmac.new(SECRET.encode(), one.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(one.credential) == signature
    assert SECRET not in repr(one)


async def test_a_join_hands_out_the_turn_server_and_none_where_there_is_none(
    server: ServerUnderTest, tmp_path: Path
) -> None:
    plain = await server.join(await server.open_link())
    assert plain.body["ice_servers"] == []
    async with start_server(tmp_path / "other", turn_urls=URL, turn_secret=SECRET) as with_turn:
        link = await with_turn.open_link()
        [first] = (await with_turn.join(link)).body["ice_servers"]
        [again] = (await with_turn.join(link)).body["ice_servers"]
    assert first["urls"] == [URL]
    assert set(first) == {"urls", "username", "credential"}
    assert first["username"] != again["username"], "each join has credentials of its own"


@pytest.mark.slow
def test_doctor_has_the_turn_server_give_an_address(tmp_path: Path) -> None:
    with coturn(tmp_path) as turn:
        for url in (turn.tls_url, f"turn:127.0.0.1:{turn.port}?transport=tcp", f"turn:127.0.0.1:{turn.port}"):
            assert (url, *_said(turn, url)) == (url, Status.OK, "ok")
        assert _said(turn, turn.tls_url, secret="another secret of theirs") == (Status.FAIL, "refused")
    assert _said(turn, turn.tls_url) == (Status.WARN, "silent"), "it has ended"
    [finding] = relay.servers(load(turn_urls=turn.tls_url, turn_secret=SECRET))
    assert finding.facts["reason"] == "Connection refused"


def _said(turn: Coturn, url: str, secret: str = SECRET) -> tuple[Status, str]:
    settings = load(turn_urls=url, turn_secret=secret)
    [finding] = relay.servers(settings, turn.authority.trusting())
    return finding.status, finding.outcome


@pytest.mark.parametrize(
    "urls",
    ["https://turn.example.org", "turn:", "turn:a b", "turn:host:port", "turn:host?transport=sctp", "stun:h"],
)
def test_what_is_no_turn_address_is_refused(urls: str) -> None:
    with pytest.raises(ValueError, match="turn_urls"):
        load(turn_urls=urls, turn_secret=SECRET)


@pytest.mark.parametrize("given", [{"turn_urls": URL}, {"turn_secret": SECRET}])
def test_the_addresses_and_the_secret_come_together(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="ROOM_TURN_URLS and ROOM_TURN_SECRET come together"):
        load(**given)
