"""What `room-server probe` prints and how it exits, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from room_server.http.texts import LANGUAGES
from room_server.probe.command import sentence
from room_server.probe.joining import OURS, ProbeRefused
from tests.kit.patience import PATIENCE_S
from tests.probe.film import FilmPicture, FilmSound
from tests.probe.outside_room import OutsideRoom, opened

RUN = """
import sys
from room_server.probe.command import Output, run
from room_server.probe import TakeOver
sys.exit(run(sys.argv[1], 3, TakeOver.NEVER, Output[sys.argv[2]], sys.argv[3]))
"""


async def run(link: str, output: str, language: str = "en") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, link, output, language,
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
    assert (code, out) == (3, "")
    assert err.splitlines() == ["link_revoked", "No."], "the sentence is the server's"


@pytest.mark.parametrize(
    ("link", "code", "language", "words"),
    [
        ("http://127.0.0.1:9/a/token", "unreachable", "en", "Nothing answers there (http://127.0.0.1:9"),
        (
            "http://127.0.0.1:9/a/token",
            "unreachable",
            "fr",
            "Rien ne répond à cette adresse (http://127.0.0.1:9",
        ),
        ("127.0.0.1/token", "bad_link", "en", "This is no access link"),
        ("127.0.0.1/token", "bad_link", "fr", "Ce n’est pas un lien d’accès"),
    ],
)
async def test_a_refusal_that_no_server_spoke_has_a_sentence(
    link: str, code: str, language: str, words: str
) -> None:
    exits, _, err = await run(link, "TEXT", language)
    first, second = err.splitlines()
    assert (exits, first) == (3, code)
    assert second.startswith(words)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This session has not started yet."), ("fr", "Cette session n’a pas encore commencé.")],
)
async def test_before_the_start_it_says_that_this_is_why_nothing_came(language: str, words: str) -> None:
    async with opened(OutsideRoom()) as room:
        code, out, err = await run(f"{room.url}/a/token", "TEXT", language)
    assert (code, err.splitlines()) == (4, ["session_not_started", words])
    assert "video_frames" in out
    assert "started" not in out


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_ours_has_a_sentence(language: str) -> None:
    for code in OURS:
        assert sentence(ProbeRefused(code, "a detail"), language)
