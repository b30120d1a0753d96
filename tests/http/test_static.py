"""The built web client as it is served: hashed names for good, the rest asked for again, compressed once."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from room_server.http import app as http_app
from room_server.http.address import Addresses
from room_server.http.metrics import HttpMetrics
from room_server.http.pages import Pages
from room_server.http.static import Entry, StaticFiles

SCRIPT = "export const room = 'a room';\n" * 100
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / ".vite").mkdir()
    (built / "assets/main-abc123.js").write_text(SCRIPT)
    (built / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not for anybody")
    manifest = {
        "src/access/main.ts": {
            "file": "assets/main-abc123.js",
            "css": ["assets/main.css"],
            "imports": ["_shared.js"],
        },
        "_shared.js": {
            "file": "assets/shared.js",
            "css": ["assets/main.css", "assets/shared.css"],
            "imports": ["_shared.js"],
        },
    }
    (built / ".vite/manifest.json").write_text(json.dumps(manifest))
    return built


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    app = http_app.public(
        (), http_app.Around(HttpMetrics(), StaticFiles(folder), Pages(), Addresses((), None))
    )
    async with TestClient(TestServer(app), auto_decompress=False) as opened:
        yield opened


async def test_a_hashed_file_is_kept_for_good(client: Client) -> None:
    reply = await client.get("/static/assets/main-abc123.js", headers={"Accept-Encoding": "identity"})
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["Content-Type"] == "text/javascript"
    assert await reply.text() == SCRIPT


async def test_it_is_compressed_for_who_reads_gzip(client: Client) -> None:
    reply = await client.get("/static/assets/main-abc123.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.headers["Vary"] == "Accept-Encoding"
    body = await reply.read()
    assert gzip.decompress(body).decode() == SCRIPT
    plain = await client.get("/static/assets/main-abc123.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers


async def test_what_has_no_hash_is_asked_for_again(client: Client) -> None:
    first = await client.get("/static/favicon.svg")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await client.get("/static/favicon.svg", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "assets/../../secret.txt", "%2e%2e/secret.txt", ".vite/manifest.json", "assets"]
)
async def test_nothing_beside_the_built_files_is_served(client: Client, path: str, folder: Path) -> None:
    url = URL(f"{client.make_url('/static/')}{path}", encoded=True)
    async with ClientSession() as http, http.get(url) as reply:
        assert reply.status == 404
        assert "not for anybody" not in await reply.text()


def test_a_page_loads_what_the_manifest_says_each_once(folder: Path) -> None:
    assert StaticFiles(folder).entry("src/access/main.ts") == Entry(
        "/static/assets/main-abc123.js",
        ("/static/assets/main.css", "/static/assets/shared.css"),
        ("/static/assets/shared.js",),
    )


def test_without_a_build_a_page_loads_nothing(tmp_path: Path) -> None:
    assert StaticFiles(tmp_path).entry("src/access/main.ts") == Entry(None, (), ())
