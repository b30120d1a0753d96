"""A server killed in the middle: who sat there is free to come back at once, on any device."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from room_server.access.rules import Link, Role
from room_server.cluster.lease import Lease
from room_server.ids import NodeId
from tests.kit.patience import PATIENCE_S
from tests.kit.server import start_server
from tests.signaling.raw_client import RawClient

pytestmark = pytest.mark.slow


@asynccontextmanager
async def process(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run `room-server serve` on a data folder; yield it with its URL once it says that it is ready."""
    environment = os.environ | {
        "ROOM_DATA_DIR": str(data_dir),
        "ROOM_PORT": "0",
        "ROOM_UDP_PORT": "0",
        "ROOM_METRICS_PORT": "0",
        "ROOM_MEDIA_SHARDS": "1",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "room_server.cli", "serve", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield child, await asyncio.wait_for(_url(child), PATIENCE_S)
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def _url(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None
    async for line in child.stderr:
        record = json.loads(line)
        if record["event"] == "ready":
            return str(record["url"])
    raise AssertionError("the server ended before it was ready")


async def join(url: str, token: str, device_key: str) -> tuple[int, str]:
    body = {"token": token, "device_key": device_key}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/join", json=body) as reply:
        said = await reply.json()
        return reply.status, said.get("code", "taken")


async def planned(folder: Path) -> tuple[Path, Link, str]:
    """Leave a data folder with one open link."""
    async with start_server(folder) as server:
        link = await server.open_link()
        return server.running.settings.data_dir, link, server.token(link)


async def test_after_a_kill_every_seat_is_free_at_once(tmp_path: Path) -> None:
    """ROOM-2, ROOM-8: a new epoch frees what the old one held; nobody waits for a time-out."""
    data_dir, _, token = await planned(tmp_path)
    async with process(data_dir) as (child, url):
        assert await join(url, token, "a-laptop") == (200, "taken")
        assert await join(url, token, "a-phone") == (409, "seat_taken")
        child.send_signal(signal.SIGKILL)
        await child.wait()

    async with process(data_dir) as (child, url):
        assert await join(url, token, "a-phone") == (200, "taken")
        assert await join(url, token, "a-laptop") == (409, "seat_taken")


async def test_after_a_kill_who_was_on_the_stage_is_on_it_again(tmp_path: Path) -> None:
    """ROOM-7, ROOM-8: what was acknowledged is stored."""
    async with start_server(tmp_path) as server:
        session = await server.session()
        link = await server.link(session, Role.HOST, "Hal")
        data_dir, token = server.running.settings.data_dir, server.token(link)

    async with process(data_dir) as (child, url):
        hal = await connected(url, token)
        assert await hal.request("stage.enter") == {"ok": {}}
        child.send_signal(signal.SIGKILL)
        await child.wait()
        await hal.close()

    async with process(data_dir) as (_, url):
        hal = await connected(url, token)
        on_stage = hal.told("room.snapshot")[0]["stage"]["on_stage"]
        assert [one["name"] for one in on_stage] == ["Hal"]
        await hal.close()


async def connected(url: str, token: str) -> RawClient:
    """Join as a client does."""
    body = {"token": token, "device_key": "a-laptop"}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/join", json=body) as reply:
        said = await reply.json()
    client = await RawClient.connect(url, said["ticket"])
    await client.until_told("room.snapshot")
    return client


async def test_sigterm_ends_the_server_cleanly(tmp_path: Path) -> None:
    data_dir, _, token = await planned(tmp_path)
    async with process(data_dir) as (child, url):
        assert await join(url, token, "a-laptop") == (200, "taken")
        child.terminate()
        assert await asyncio.wait_for(child.wait(), PATIENCE_S) == 0


async def test_a_second_process_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    data_dir, _, token = await planned(tmp_path)
    async with process(data_dir) as (child, url):
        second = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "room_server.cli",
            "serve",
            env=os.environ | {"ROOM_DATA_DIR": str(data_dir), "ROOM_PORT": "0", "LC_ALL": "C"},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(second.communicate(), PATIENCE_S)

        assert second.returncode == 1
        assert f"in use by another server (process {child.pid})" in said.decode()
        assert b"Traceback" not in said
        assert await join(url, token, "a-laptop") == (200, "taken"), "the first goes on"


async def test_a_server_whose_node_was_claimed_by_another_gives_up_its_place(tmp_path: Path) -> None:
    async with start_server(tmp_path) as server:
        link = await server.open_link()
        running = server.running
        await Lease.begin(running.database, running.clock, NodeId(running.settings.node_id))

        await running.lease.renew()

        assert running.lost.is_set()
        assert (await server.ask("GET", "/readyz")).status == 503
        assert (await server.join(link)).body["code"] == "node_away"


async def test_links_stay_the_same_over_restarts(tmp_path: Path) -> None:
    data_dir, link, token = await planned(tmp_path)
    async with start_server(tmp_path) as server:
        assert server.running.settings.data_dir == data_dir
        assert server.token(link) == token
        assert (await server.join(link)).status == 200


@pytest.mark.parametrize("kept", [b"short\n", b""])
async def test_a_spoilt_server_key_is_refused_rather_than_replaced(tmp_path: Path, kept: bytes) -> None:
    data_dir, _, _ = await planned(tmp_path)
    key = data_dir / "server.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(kept)
    with pytest.raises(Exception, match="server_key_unusable"):
        async with start_server(tmp_path):
            pass
    assert key.read_bytes() == kept
