"""`room-server demo`: a workspace to look at, made once, found again, left cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.cli.programs import Demo, demo, run, start
from tests.kit.patience import PATIENCE_S

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A place where no folder can be made."""
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file" / "film"


async def join(
    link: str, device_key: str = "a-laptop", *, take_over: bool = False
) -> tuple[int, dict[str, Any]]:
    url, _, token = link.rpartition("/a/")
    body = {"token": token, "device_key": device_key, "take_over": take_over}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/join", json=body) as reply:
        return reply.status, await reply.json()


def links(said: dict[str, Any]) -> list[str]:
    """Return what leads to each seat, without the port, which is another each time."""
    return [
        urlsplit(link).path
        for session in said["sessions"]
        for role in ("host", "participant")
        for link in session["links"][role]
    ]


def files_in(running: Demo) -> set[str]:
    """Return the names in the demo's data folder; none when it is gone."""
    return {path.name for path in Path(running.said["data_dir"]).glob("*")}


def film_titles(running: Demo) -> list[str]:
    """Return how the films of the automated session are called."""
    with closing(sqlite3.connect(Path(running.said["data_dir"]) / "room.sqlite3")) as file:
        document = json.loads(file.execute("SELECT document FROM plan").fetchone()[0])
    return [item["title"] for item in document["media"]]


async def page_of(running: Demo, number: int, role: str = "participant") -> str:
    link = running.said["sessions"][number]["links"][role][0]
    async with aiohttp.ClientSession() as http, http.get(link) as page:
        return await page.text()


async def state_of(running: Demo, number: int = 0) -> str:
    link = running.said["sessions"][number]["links"]["host"][0]
    async with aiohttp.ClientSession() as http, http.get(link) as page:
        text = await page.text()
    return text.partition('"state": "')[2].partition('"')[0]


async def test_a_server_may_open_as_many_files_as_its_user(tmp_path: Path, film: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/proc/self/fd")) + 100
    assert few < hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        async with demo("--starts-in", "300", folder=tmp_path, ROOM_DEMO_FILM=str(film)) as running:
            assert resource.prlimit(running.child.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_demo_tells_everything_on_one_line(tmp_path: Path, film: Path) -> None:
    data_dir = tmp_path / "data"
    begun = datetime.now(UTC)
    arguments = ("--data-dir", str(data_dir), "--participants", "5", "--starts-in", "300")
    async with demo(*arguments, folder=tmp_path, ROOM_DEMO_FILM=str(film)) as running:
        said = running.said

        assert said["pid"] == running.child.pid
        assert Path(said["data_dir"]) == data_dir
        assert said["udp_port"] > 0
        assert said["admin"]["email"] == "zoe@example.org"
        assert len(said["admin"]["password"]) >= 24
        kinds = [(session["room_type"], session["chat_mode"]) for session in said["sessions"]]
        assert kinds == [("automated", "open"), ("live", "open"), ("live", "moderated")]
        starts_at = datetime.fromisoformat(said["sessions"][0]["starts_at"])
        assert 295 < (starts_at - begun).total_seconds() < 360
        for session in said["sessions"]:
            assert [len(session["links"][role]) for role in ("host", "participant")] == [1, 5]
        assert len(set(links(said))) == 18
        async with aiohttp.ClientSession() as http, http.get(said["metrics_url"]) as metrics:
            assert "process_resident_memory_bytes" in await metrics.text()
        for session in said["sessions"]:
            status, body = await join(session["links"]["participant"][0])
            assert (status, body["room"]["session_id"]) == (200, session["id"])

        done = await running.stop()
        assert done.code == 0, done.err
        assert "Traceback" not in done.err


async def test_a_data_folder_that_holds_a_demo_goes_on_with_it_also_after_a_crash(
    tmp_path: Path, film: Path
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    variables = {"ROOM_DEMO_FILM": str(film)}
    async with demo(
        *data, "--participants", "2", "--starts-in", "400", folder=tmp_path, **variables
    ) as first:
        before = first.said
        assert (await join(before["sessions"][0]["links"]["participant"][0]))[0] == 200
        await first.stop(signal.SIGKILL)

    async with demo(*data, "--participants", "7", "--starts-in", "5", folder=tmp_path, **variables) as second:
        assert links(second.said) == links(before)
        times = [[session["starts_at"] for session in said["sessions"]] for said in (before, second.said)]
        assert times[0] == times[1]
        assert (before["found"], second.said["found"]) == (False, True)
        another = second.said["sessions"][0]["links"]["participant"][0]
        assert (await join(another, "another-device"))[0] == 200, "the crash freed the seat"


async def test_people_get_a_page_that_says_who_each_link_is_for(tmp_path: Path, film: Path) -> None:
    """Printed for a terminal; a second start on the same folder says that it goes on with the first."""
    data = ("--data-dir", str(tmp_path / "data"))
    variables = {"ROOM_DEMO_FILM": str(film)}
    async with demo(*data, "--starts-in", "400", folder=tmp_path, **variables) as first:
        await first.stop()

    page = await _page(*data, folder=tmp_path, **variables)

    assert "The demo is running: http://127.0.0.1:" in page
    assert "Zoé Martin, host" in page
    assert "Camille, participant" in page
    assert "holds a demo already" in page
    assert all(path in page for path in links(first.said))


async def _page(*arguments: str, folder: Path, **variables: str) -> str:
    child = await start(("demo", "--port", "0", "--udp-port", "0", *arguments), folder, variables)
    assert child.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"Ctrl-C" not in said:
            line = await child.stdout.readline()
            assert line, (await child.communicate())[1]
            said += line
    child.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    assert child.returncode == 0, err
    return said.decode()


async def test_without_a_folder_everything_is_temporary(tmp_path: Path, film: Path) -> None:
    async with demo(folder=tmp_path, ROOM_DEMO_FILM=str(film), TMPDIR=str(tmp_path)) as running:
        assert "room.sqlite3" in files_in(running)
        assert (await running.stop()).code == 0
        assert files_in(running) == set()


async def test_a_demo_without_a_usable_film_says_so(tmp_path: Path, blocked: Path) -> None:
    arguments = ("demo", "--json", "--port", "0", "--udp-port", "0", "--data-dir", str(tmp_path / "data"))
    done = await run(*arguments, folder=tmp_path, ROOM_DEMO_FILM=str(blocked))
    assert done.code == 1
    assert "cannot be prepared" in done.err


@pytest.mark.parametrize(
    ("option", "kind", "language", "words"),
    [
        ("--port", socket.SOCK_STREAM, "en", "Choose another with --port."),
        ("--port", socket.SOCK_STREAM, "fr", "Choisissez-en un autre avec --port."),
        ("--udp-port", socket.SOCK_DGRAM, "en", "Choose another with --udp-port."),
    ],
)
async def test_a_used_port_names_the_option_that_chooses_another(
    tmp_path: Path, film: Path, option: str, kind: socket.SocketKind, language: str, words: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            held.listen()
        other = "--udp-port" if option == "--port" else "--port"
        ports = (option, str(held.getsockname()[1]), other, "0")
        done = await run("demo", *ports, "--language", language, folder=tmp_path, ROOM_DEMO_FILM=str(film))
    assert done.code == 1
    assert words in done.err
    assert "ROOM_" not in done.err


async def test_a_used_data_folder_names_the_option_that_chooses_another(tmp_path: Path, film: Path) -> None:
    async with demo("--data-dir", "data", folder=tmp_path, ROOM_DEMO_FILM=str(film)):
        ports = ("--port", "0", "--udp-port", "0")
        done = await run("demo", "--data-dir", "data", *ports, folder=tmp_path, ROOM_DEMO_FILM=str(film))
    assert done.code == 1
    assert "choose another folder with --data-dir" in done.err


async def test_a_demo_with_a_wrong_setting_leaves_no_folder_behind(tmp_path: Path) -> None:
    done = await run("demo", folder=tmp_path, ROOM_LOG_LEVEL="loud", TMPDIR=str(tmp_path))
    assert (done.code, "ROOM_LOG_LEVEL" in done.err) == (2, True)
    assert os.listdir(tmp_path) == []


async def test_opening_the_demo_to_the_network_warns_of_cameras_without_https_and_of_the_mailbox(
    tmp_path: Path, film: Path
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    async with demo("--host", "0.0.0.0", *data, folder=tmp_path, ROOM_DEMO_FILM=str(film)) as running:
        assert running.said["url"].startswith("http://127.0.0.1:")
        warned = (await running.stop()).err
        assert "HTTPS" in warned
        assert "mailbox" in warned


async def test_an_ended_session_is_not_started_again(tmp_path: Path, film: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    variables = {"ROOM_DEMO_FILM": str(film)}
    async with demo(*data, "--starts-in", "0", folder=tmp_path, **variables) as first:
        await _until_over(first)
        await first.stop()
    async with demo(*data, "--starts-in", "0", folder=tmp_path, **variables) as second:
        assert second.said["sessions"][0]["state"] == "ended"
        assert await state_of(second) == "over"
        assert await state_of(second, 1) == "open"


async def _until_over(running: Demo) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await state_of(running) != "over":  # noqa: ASYNC110 - another process has no event to await
            await asyncio.sleep(0.2)


ENGLISH = ("en", ("A film at its second", "Talking live", "Questions, moderated"))
FILMS = {
    "en": ["Big Buck Bunny", "Bikes", "Carphone"],
    "fr": ["Big Buck Bunny", "À vélo en ville", "Au téléphone en voiture"],
}
FRENCH = ("fr", ("Un film à l’heure dite", "En direct avec vous", "Vos questions, avec modérateur"))


@pytest.mark.parametrize(
    ("arguments", "terminal", "spoken"),
    [
        ((), "C", ENGLISH),
        ((), "fr_FR.UTF-8", FRENCH),
        (("--language", "fr"), "C", FRENCH),
        (("--language", "en"), "fr_FR.UTF-8", ENGLISH),
    ],
)
async def test_the_demo_speaks_the_language_of_the_terminal_or_the_one_asked_for(
    tmp_path: Path,
    film: Path,
    arguments: tuple[str, ...],
    terminal: str,
    spoken: tuple[str, tuple[str, ...]],
) -> None:
    """Titles and pages of one language, for a reader whose browser asks for none."""
    language, titles = spoken
    async with demo(*arguments, folder=tmp_path, ROOM_DEMO_FILM=str(film), LC_ALL=terminal) as running:
        for number, title in enumerate(titles):
            for role in ("host", "participant"):
                page = await page_of(running, number, role)
                assert f"<title>{title}</title>" in page
                assert f'<html lang="{language}">' in page
        assert film_titles(running) == FILMS[language]


async def test_a_language_that_the_demo_does_not_speak_is_refused(tmp_path: Path) -> None:
    done = await run("demo", "--language", "de", folder=tmp_path)
    assert done.code == 2
    assert "en, fr" in done.err
