"""What any request may meet: broken bodies, too many of them, a full disk, a drain, a bug of ours."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text

from room_server.access import store
from room_server.config import variable
from room_server.errors import Refused
from room_server.http import app as http_app
from room_server.http.address import Addresses
from room_server.http.health import Phase
from room_server.http.metrics import HttpMetrics
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply
from room_server.http.pages import Pages
from room_server.http.static import StaticFiles
from tests.kit.patience import PATIENCE_S
from tests.kit.server import ServerUnderTest, start_server

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"token"',
        b"\xff\xfe",
        b'{"token": "x"}',
        b'{"device_key": "x"}',
        b'{"token": 1, "device_key": "x"}',
        b'{"token": null, "device_key": "x"}',
        b'{"token": "", "device_key": "x"}',
        b'{"token": "x", "device_key": ""}',
        b'{"token": "x", "device_key": "a b"}',
        b'{"token": "x", "device_key": "caf\xc3\xa9"}',
        b'{"token": "x", "device_key": "x", "take_over": "yes"}',
        b'{"token": "x", "device_key": "x", "take_over": 1}',
        b'{"token": "x", "device_key": "x", "another": 1}',
        b'{"token": "' + b"x" * 257 + b'", "device_key": "x"}',
        b'{"token": "x", "device_key": "' + b"x" * 129 + b'"}',
        b'{"token": "\\ud800", "device_key": "x"}',
        b"[" * 20_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
async def test_a_malformed_body_is_refused_and_its_words_not_repeated(
    server: ServerUnderTest, body: bytes
) -> None:
    reply = await server.ask("POST", "/api/join", data=body, headers=JSON)

    assert (reply.status, reply.body["code"]) == (400, "malformed"), reply.text
    assert reply.body["field"]
    assert "x" * 100 not in reply.text


async def test_a_body_too_large_is_refused(server: ServerUnderTest) -> None:
    body = json.dumps({"token": "x" * 200_000, "device_key": "x"}).encode()
    reply = await server.ask("POST", "/api/join", data=body, headers=JSON)
    assert (reply.status, reply.body["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_only_json_is_read(server: ServerUnderTest, kind: str) -> None:
    """What a form of another site could send is not read, so no page can press for somebody."""
    body = json.dumps({"token": server.token(await server.open_link()), "device_key": "x"}).encode()
    headers = {"Content-Type": kind} if kind else None
    reply = await server.ask("POST", "/api/join", data=body, headers=headers)
    assert (reply.status, reply.body["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/a/", 404, "not_found"),
        ("GET", "/a/one/two", 404, "not_found"),
        ("GET", "/metrics", 404, "not_found"),
        ("DELETE", "/api/join", 405, "method_not_allowed"),
        ("GET", "/static/..%2f..%2f..%2fconfig.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/app.py", 404, "not_found"),
        ("GET", "/static/.vite/manifest.json", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/%00.js", 404, "not_found"),
        ("GET", "/static/" + "x" * 300, 404, "not_found"),
    ],
)
async def test_what_is_not_there_is_a_problem_with_a_code(
    server: ServerUnderTest, method: str, path: str, status: int, code: str
) -> None:
    reply = await server.ask(method, path)
    assert (reply.status, reply.body["code"]) == (status, code)
    assert reply.headers["Content-Type"].startswith("application/problem+json")


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("application/json;q=0.5, text/html", True),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json, text/html;q=0.5", False),
        ("application/problem+json, text/html", False),
        ("text/html;q=0", False),
        ("text/html;q=many;;,,", False),
    ],
)
async def test_a_refusal_is_a_page_for_who_prefers_one(
    server: ServerUnderTest, accept: str, is_page: bool
) -> None:
    reply = await server.ask("GET", "/mistyped", headers={"Accept": accept} if accept else None)
    assert reply.status == 404
    assert reply.headers["Vary"] == "Accept"
    kind = reply.headers["Content-Type"].partition(";")[0]
    assert kind == ("text/html" if is_page else "application/problem+json")


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "There is nothing at this address"), ("fr", "Il n’y a rien à cette adresse")],
)
async def test_the_page_of_a_refusal_speaks_the_readers_language_and_guards_links_too(
    server: ServerUnderTest, language: str, title: str
) -> None:
    page = await server.ask("GET", "/mistyped", headers={"Accept": BROWSER, "Accept-Language": language})
    assert f'<html lang="{language}">' in page.text
    assert f"<h1>{title}</h1>" in page.text
    assert page.headers["Content-Language"] == language
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "mistyped" not in page.text


async def test_a_bug_and_a_wrong_method_have_their_page_too(server: ServerUnderTest) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("a secret of ours")

    with_bug = http_app.public(
        [
            Operation(
                name="broken",
                method="GET",
                path="/broken",
                needs=Needs.NOTHING,
                summary="",
                handler=broken,
                replies={200: Reply("")},
            )
        ],
        http_app.Around(HttpMetrics(), StaticFiles(), Pages(), Addresses((), None)),
    )
    async with TestClient(TestServer(with_bug)) as client:
        async with client.get("/broken", headers={"Accept": BROWSER}) as failed:
            text = await failed.text()
            assert (failed.status, failed.content_type) == (500, "text/html")
        assert "The server cannot answer at the moment" in text
        assert failed.headers["X-Request-Id"] in text
        assert "a secret of ours" not in text
    wrong = await server.ask("GET", "/api/join", headers={"Accept": BROWSER})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")
    assert "This address does not take that kind of request." in wrong.text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "by your personal link"), ("fr", "par votre lien personnel")]
)
async def test_the_first_page_says_how_one_enters_and_lists_nothing(
    server: ServerUnderTest, language: str, words: str
) -> None:
    await server.link(await server.session(event_title="A secret gathering"))
    page = await server.ask("GET", "/", headers={"Accept-Language": language})
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert words in page.text
    assert "secret" not in page.text
    assert page.headers["Cache-Control"] == "no-store"


async def test_an_address_with_a_thousand_odd_characters_is_just_unknown(server: ServerUnderTest) -> None:
    assert (await server.ask("GET", "/a/" + "%00%ff%c3" * 300)).status == 404


async def test_bytes_that_are_no_request_do_not_disturb_the_others(server: ServerUnderTest) -> None:
    host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
    for bytes_ in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"POST /api/join HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(bytes_)
        writer.write_eof()
        assert b" 200 " not in await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
    assert (await server.ask("GET", "/healthz")).status == 200


async def test_too_many_wrong_links_from_one_address_are_slowed_down(tmp_path: Path) -> None:
    async with start_server(tmp_path, unknown_links_per_minute=5) as server:
        link = await server.open_link()
        wrong = {"token": "wrong", "device_key": "a-laptop"}
        answers = [await server.ask("POST", "/api/join", json=wrong) for _ in range(6)]

        assert [reply.status for reply in answers] == [404] * 5 + [429]
        assert answers[-1].body["code"] == "rate_limited"
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 61
        assert (await server.join(link)).status == 429, "a guess that is right must not stand out"


async def test_too_many_joins_from_one_address_are_slowed_down_and_take_nothing(tmp_path: Path) -> None:
    async with start_server(tmp_path, joins_per_minute=3) as server:
        link = await server.open_link()
        other = await server.open_link()
        assert [(await server.join(link)).status for _ in range(3)] == [200, 200, 200]

        refused = await server.join(other)

        assert refused.body["code"] == "rate_limited"
        async with server.running.database.reading() as reading:
            assert await store.seat(reading, other.link_id) is None


async def test_behind_a_trusted_proxy_each_client_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with start_server(tmp_path, joins_per_minute=1, trusted_proxy="127.0.0.0/8") as server:
        link = await server.open_link()
        body = {"token": server.token(link), "device_key": "a-laptop"}

        async def join_from(forwarded: str) -> int:
            headers = {
                "X-Forwarded-For": forwarded,
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "room.test",
            }
            reply = await server.ask("POST", "/api/join", json=body, headers=headers)
            if reply.status == 200:
                assert reply.body["signalling_url"] == "https://room.test"
            return reply.status

        assert await join_from("198.51.100.1") == 200
        assert await join_from("198.51.100.2") == 200
        assert await join_from("198.51.100.1") == 429
        assert await join_from("203.0.113.9, 198.51.100.2") == 429, (
            "what the client wrote itself is not believed"
        )


async def test_nobody_else_is_believed_about_addresses(tmp_path: Path) -> None:
    async with start_server(tmp_path, joins_per_minute=1) as server:
        link = await server.open_link()
        body = {"token": server.token(link), "device_key": "a-laptop"}
        first = await server.ask(
            "POST",
            "/api/join",
            json=body,
            headers={"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Host": "evil.test"},
        )
        second = await server.ask("POST", "/api/join", json=body, headers={"X-Forwarded-For": "198.51.100.2"})
        assert first.body["signalling_url"] == server.url
        assert second.status == 429


async def test_a_full_disk_refuses_the_press_and_keeps_what_was_granted(server: ServerUnderTest) -> None:
    sitting, standing = await server.open_link(), await server.open_link()
    admission = await server.running.access.redeem((await server.join(sitting)).body["ticket"])
    await no_more_space(server)

    reply = await server.join(standing)

    assert (reply.status, reply.body["code"]) == (503, "storage_full")
    assert "Retry-After" in reply.headers
    assert await server.running.access.holds(admission)
    assert (await server.ask("GET", f"/a/{server.token(standing)}")).status == 200
    async with server.running.database.transaction() as tx:
        await tx.execute(text("DROP TRIGGER grow"))
    assert (await server.join(standing)).status == 200


async def no_more_space(server: ServerUnderTest) -> None:
    """Let each new seat need more pages than SQLite may have, so that it answers SQLITE_FULL."""
    async with server.running.database.transaction() as tx:
        await tx.execute(text("CREATE TABLE big (what BLOB)"))
        grow = (
            "CREATE TRIGGER grow BEFORE INSERT ON seat BEGIN INSERT INTO big VALUES (zeroblob(99999999)); END"
        )
        await tx.execute(text(grow))
    async with server.running.database.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=5000"))


async def test_a_server_that_drains_is_alive_but_not_ready(server: ServerUnderTest) -> None:
    link = await server.open_link()
    assert (await server.ask("GET", "/readyz")).status == 200
    server.running.readiness.phase = Phase.DRAINING

    assert (await server.ask("GET", "/healthz")).status == 200
    not_ready = await server.ask("GET", "/readyz")
    assert (not_ready.status, not_ready.body["code"]) == (503, "shutting_down")
    refused = await server.join(link)
    assert (refused.status, refused.body["code"]) == (503, "shutting_down")


async def test_a_bug_of_ours_is_logged_with_an_id_and_answered_generically(
    server: ServerUnderTest, log_lines: list[dict[str, Any]]
) -> None:
    link = await server.open_link()
    async with server.running.database.transaction() as tx:
        await tx.execute(text("DROP TABLE seat"))

    reply = await server.join(link)

    assert (reply.status, reply.body["code"]) == (500, "internal")
    assert "no such table" not in reply.text
    assert reply.body["id"] in reply.body["detail"]
    failure = next(line for line in log_lines if line["event"] == "request failed")
    assert failure["request_id"] == reply.body["id"] == reply.headers["X-Request-Id"]
    assert "no such table: seat" in failure["exception"]


async def test_metrics_are_on_the_private_listener_without_secrets(server: ServerUnderTest) -> None:
    link = await server.open_link()
    await server.join(link)
    await server.ask("GET", f"/a/{server.token(link)}")
    async with aiohttp.ClientSession() as http, http.get(server.running.metrics_url) as reply:
        said = await reply.text()
    assert 'room_joins_total{outcome="taken"} 1.0' in said
    assert 'route="/a/{token}"' in said
    assert "room_media_peers 0.0" in said
    assert server.token(link) not in said
    assert (await server.ask("GET", "/metrics")).status == 404


@pytest.fixture
async def taken_port() -> AsyncIterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.mark.parametrize("setting", ["port", "tcp_port"])
async def test_a_taken_port_is_told_and_everything_is_let_go(
    tmp_path: Path, taken_port: int, setting: str
) -> None:
    taken: dict[str, Any] = {setting: taken_port}
    with pytest.raises(Refused, match="port_in_use") as refused:
        async with start_server(tmp_path, **taken):
            pass
    assert refused.value.facts == {"port": taken_port, "setting": variable(setting)}
    async with start_server(tmp_path) as server:
        assert (await server.ask("GET", "/readyz")).status == 200
