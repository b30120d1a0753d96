"""Where one is signed in: cookies, their ends, and pages of other sites."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.people import Person, owner, person
from tests.kit.server import IPHONE, ServerUnderTest, start_server

DAY_S = 24 * 3_600


async def test_devices_are_listed_with_this_one_marked(zoe: Person, server: ServerUnderTest) -> None:
    async with person(server, zoe.email) as phone:
        await phone.ask("POST", "/api/sign-in/link", json={"email": zoe.email})
        body = {"token": await phone.token_of("sign_in")}
        await phone.ask("POST", "/api/sign-in", json=body, headers={"User-Agent": IPHONE})

        listed = (await zoe.ask("GET", "/api/account/sign-ins")).body["sign_ins"]
        assert {(one["device"], one["this_device"]) for one in listed} == {
            ("Firefox on Windows", True),
            ("Safari on iPhone", False),
        }
        assert not any("127.0.0.1" in str(one) for one in listed), "last seen without a place"


async def test_a_device_that_was_ended_is_out_at_once_with_its_stolen_cookie(
    zoe: Person, server: ServerUnderTest
) -> None:
    async with person(server, zoe.email) as phone, person(server, zoe.email) as thief:
        await phone.sign_in()
        stolen = next(one.value for one in phone.http.cookie_jar if one.key == "sign-in")
        headers = {"Cookie": f"sign-in={stolen}"}
        assert (await thief.ask("GET", "/api/account", headers=headers)).status == 200

        listed = (await zoe.ask("GET", "/api/account/sign-ins")).body["sign_ins"]
        other = next(one["sign_in_id"] for one in listed if not one["this_device"])
        assert (await zoe.ask("DELETE", f"/api/account/sign-ins/{other}")).status == 204

        assert (await thief.ask("GET", "/api/account", headers=headers)).status == 401
        assert (await phone.ask("GET", "/api/account")).status == 401
        again = await zoe.ask("DELETE", f"/api/account/sign-ins/{other}")
        assert (again.status, again.body["code"]) == (404, "unknown_sign_in")


async def test_nobody_ends_the_sign_ins_of_others(zoe: Person, eve: Person) -> None:
    listed = (await zoe.ask("GET", "/api/account/sign-ins")).body["sign_ins"]
    reply = await eve.ask("DELETE", f"/api/account/sign-ins/{listed[0]['sign_in_id']}")
    assert (reply.status, reply.body["code"]) == (404, "unknown_sign_in")
    assert (await zoe.ask("GET", "/api/account")).status == 200


async def test_all_others_end_and_this_one_stays(zoe: Person, server: ServerUnderTest) -> None:
    async with person(server, zoe.email) as phone:
        await phone.sign_in()
        assert (await zoe.ask("DELETE", "/api/account/sign-ins")).body == {"ended": 1}
        assert (await phone.ask("GET", "/api/account")).status == 401
        assert (await zoe.ask("GET", "/api/account")).status == 200


async def test_signing_in_changes_the_cookie_and_ends_the_one_before(
    zoe: Person, server: ServerUnderTest
) -> None:
    """Who planted or knew the earlier cookie has nothing of the sign-in that follows."""
    before = next(one.value for one in zoe.http.cookie_jar if one.key == "sign-in")
    await zoe.sign_in()
    after = next(one.value for one in zoe.http.cookie_jar if one.key == "sign-in")
    assert before != after
    async with person(server, zoe.email) as other:
        headers = {"Cookie": f"sign-in={before}"}
        assert (await other.ask("GET", "/api/account", headers=headers)).status == 401


async def test_a_sign_in_ends_when_it_is_idle_and_at_the_latest_after_ninety_days(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with start_server(tmp_path, wall=clock.wall) as server:
        async with owner(server) as zoe:
            for _ in range(8):
                clock.advance(10 * DAY_S)
                assert (await zoe.ask("GET", "/api/account")).status == 200, "being seen keeps it"
            clock.advance(10 * DAY_S)
            assert (await zoe.ask("GET", "/api/account")).status == 401, "ninety days are over"
        async with owner(server) as zoe:
            clock.advance(14 * DAY_S)
            assert (await zoe.ask("GET", "/api/account")).status == 401, "two weeks idle"


async def test_the_cookie_is_out_of_reach_for_scripts_other_sites_and_other_hosts(tmp_path: Path) -> None:
    async with (
        start_server(tmp_path, trusted_proxy="127.0.0.1/32") as server,
        person(server, "zoe@example.org") as zoe,
    ):
        link = await server.running.accounts.hosting.create_owner(zoe.email, "W", "Zoé", "en")
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "rooms.example"}
        body = {"token": link.rpartition("/")[2]}
        reply = await zoe.ask("POST", "/api/sign-in", json=body, headers=forwarded)
        said = reply.headers["Set-Cookie"]
        assert said.startswith("__Host-sign-in=")
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(said.split("; "))
        assert "Domain" not in said

        cookie = said.partition(";")[0].partition("=")[2]
        for name, status in (("__Host-sign-in", 200), ("sign-in", 401)):
            headers = {**forwarded, "Cookie": f"{name}={cookie}"}
            assert (await zoe.ask("GET", "/api/account", headers=headers)).status == status


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "{url}"}, True),
        ({"Origin": "{url}.evil.example"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{url}"}, False),
        ({}, True),
    ],
)
async def test_pages_of_other_sites_can_neither_use_a_sign_in_nor_make_one(
    zoe: Person, nobody: Person, server: ServerUnderTest, headers: dict[str, str], passes: bool
) -> None:
    """The last two: signing somebody in as another is refused alike, and a program has no origin."""
    told = {name: value.format(url=server.url) for name, value in headers.items()}
    changed = await zoe.ask("PATCH", "/api/account", json={"name": "Mallory"}, headers=told)
    await zoe.ask("POST", "/api/sign-in/link", json={"email": zoe.email})
    body = {"token": await zoe.token_of("sign_in")}
    signed_in = await nobody.ask("POST", "/api/sign-in", json=body, headers=told)

    assert (changed.status, signed_in.status) == ((200, 200) if passes else (403, 403))
    if not passes:
        assert changed.body["code"] == signed_in.body["code"] == "cross_site"
        assert (await zoe.ask("GET", "/api/account")).body["name"] == "Zoé"
        assert (await nobody.ask("GET", "/api/account")).status == 401
