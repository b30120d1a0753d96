"""`room-server session` beside a running server, on the same data folder."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.cli.programs import demo, run
from tests.signaling.raw_client import RawClient

pytestmark = pytest.mark.timeout(300)


async def connected(link: str) -> RawClient:
    """Join as a client does."""
    origin, token = link.split("/a/")
    body = {"token": token, "device_key": "a-laptop"}
    async with aiohttp.ClientSession() as http, http.post(f"{origin}/api/join", json=body) as reply:
        said = await reply.json()
    client = await RawClient.connect(origin, said["ticket"])
    await client.until_told("room.snapshot")
    return client


async def test_a_session_on_air_is_cancelled_from_another_terminal(
    tmp_path: Path, film_with_a_long_end: Path
) -> None:
    """REC-25, REC-28."""
    data = str(tmp_path / "data")
    async with demo(
        *("--data-dir", data, "--starts-in", "0.1"), folder=tmp_path, ROOM_DEMO_FILM=str(film_with_a_long_end)
    ) as running:
        automated, lobby = running.said["sessions"][:2]
        ann = await connected(automated["links"]["participant"][0])
        bob = await connected(lobby["links"]["participant"][0])
        await ann.until(lambda: any(one["state"] == "playing" for one in ann.told("playback.position")))

        listed = await run("session", "list", folder=tmp_path, ROOM_DATA_DIR=data)
        assert f"{automated['id']}  on air " in listed.out
        assert f"{lobby['id']}  scheduled " in listed.out

        done = await run("session", "cancel", automated["id"], folder=tmp_path, ROOM_DATA_DIR=data)
        assert (done.code, done.err) == (0, "")
        await ann.until(ann.disconnected.is_set)
        assert ann.notices[-1] == ("seat.removed", {"reason": "session_cancelled"})
        assert not bob.disconnected.is_set()
        async with aiohttp.ClientSession() as http, http.get(automated["links"]["participant"][0]) as page:
            assert page.status == 410
            assert "This event has been cancelled" in await page.text()
        again = await run("session", "cancel", automated["id"], folder=tmp_path, ROOM_DATA_DIR=data)
        assert (again.code, again.out) == (0, done.out)
        await ann.close()
        await bob.close()


async def test_refusals_are_worded_and_nothing_is_made(tmp_path: Path) -> None:
    away = await run("session", "list", folder=tmp_path, ROOM_DATA_DIR="nowhere")
    assert (away.code, away.out) == (1, "")
    assert "no database at nowhere" in away.err
    assert not (tmp_path / "nowhere").exists()


async def test_an_unknown_session_is_refused(tmp_path: Path, film: Path) -> None:
    async with demo("--data-dir", "data", folder=tmp_path, ROOM_DEMO_FILM=str(film)):
        done = await run(
            "session", "cancel", "nothing", folder=tmp_path, ROOM_DATA_DIR="data", LC_ALL="fr_FR.UTF-8"
        )
    assert done.code == 1
    assert "session" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
