"""What `room-server probe` prints and how it exits, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.kit.patience import PATIENCE_S
from tests.probe.film import FilmPicture, FilmSound
from tests.probe.outside_room import OutsideRoom, opened

RUN = """
import sys
from room_server.probe.command import Output, run
from room_server.probe import TakeOver
sys.exit(run(sys.argv[1], 3, TakeOver.NEVER, Output[sys.argv[2]]))
"""


async def run(link: str, output: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, link, output,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def film() -> tuple[FilmPicture, FilmSound]:
    return FilmPicture(time.time()), FilmSound(time.time())


async def test_media_that_flows_exits_with_zero_and_one_line_of_json() -> None:
    async with opened(OutsideRoom(started_at=datetime.now(UTC), tracks=film)) as room:
        code, out, err = await run(f"{room.url}/a/token", "JSON")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert json.loads(out)["video_frames"] > 0


async def test_no_media_exits_with_four() -> None:
    async with opened(OutsideRoom(started_at=datetime.now(UTC))) as room:
        code, out, err = await run(f"{room.url}/a/token", "TEXT")
    assert (code, err) == (4, "")
    assert [line.split() for line in out.splitlines()][2] == ["video_frames", "0"]


async def test_a_refusal_exits_with_three_and_its_code_on_stderr() -> None:
    async with opened(OutsideRoom(codes={"token": (410, "link_revoked")})) as room:
        code, out, err = await run(f"{room.url}/a/token", "JSON")
    assert (code, out, err) == (3, "", "link_revoked\n")
