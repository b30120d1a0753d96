"""The child process of preparation: killed in time, confined, and never leaving half an asset."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from playback.prepare import prepare
from playback.prepare_child import Task
from playback.prepared import FILE, Prepared, PrepareRefused
from playback.source import PreparedFile
from tests.kit.patience import PATIENCE_S
from tests.playback import media_files
from tests.playback.media_files import Film
from tests.playback.preparing import LIMITS, Progress, refusal, written


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that takes some seconds to prepare."""
    path = tmp_path_factory.mktemp("long") / "film.mp4"
    return media_files.write(path, Film(seconds=20, size=(1280, 720)))


async def test_a_preparation_that_takes_too_long_is_killed(long_film: Path, tmp_path: Path) -> None:
    assert await refusal(long_film, tmp_path / "out", replace(LIMITS, timeout_s=0.5)) == "timed_out"
    assert await refusal(long_film, tmp_path / "out", replace(LIMITS, cpu_s=1)) == "timed_out"
    assert children() == []


async def test_a_cancelled_preparation_kills_its_child_and_leaves_nothing(
    long_film: Path, tmp_path: Path
) -> None:
    progress = Progress()
    task = asyncio.create_task(prepare(long_film, tmp_path / "out", LIMITS, progress))
    await asyncio.wait_for(progress.began.wait(), PATIENCE_S)
    assert len(children()) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_file_beyond_the_size_limit_counts_as_a_full_disk(tmp_path: Path) -> None:
    source = media_files.write(tmp_path / "film.mp4", Film(seconds=3))
    limits = replace(LIMITS, most_output_bytes=10_000)
    assert await refusal(source, tmp_path / "out", limits) == "disk_full"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
async def test_a_full_disk_is_told_and_given_back(tmp_path: Path, small_disk: Path) -> None:
    source = media_files.write(tmp_path / "film.mp4", Film(seconds=3))
    free = shutil.disk_usage(small_disk).free
    assert await refusal(source, small_disk / "out") == "disk_full"
    assert shutil.disk_usage(small_disk).free == pytest.approx(free, abs=8192)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("this container may not mount")
    yield disk
    subprocess.run(["umount", disk], check=True)


async def test_an_asset_prepared_again_replaces_the_first_and_clears_what_died(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = media_files.write(tmp_path / "one.mp4", Film(seconds=1))
    second = media_files.write(tmp_path / "two.mp4", Film(seconds=2))
    sound = media_files.write(tmp_path / "sound.mp3", Film(codec=None, sound="mp3"))
    await prepare(first, out, LIMITS, Progress())
    (out / ".partial-of-a-killed-server").mkdir()
    await prepare(second, out, LIMITS, Progress())
    assert Prepared.load(out).duration_s == pytest.approx(2, abs=0.1)
    assert [name for name in os.listdir(out) if name.startswith(".")] == []
    await prepare(sound, out, LIMITS, Progress())
    assert sorted(os.listdir(out)) == ["audio.webm", "audio.webm.index", FILE]


async def test_a_refusal_leaves_what_was_prepared_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepared = await prepare(media_files.write(tmp_path / "one.mp4", Film()), out, LIMITS, Progress())
    with pytest.raises(PrepareRefused):
        await prepare(written(tmp_path / "two.mp4", b"no film"), out, LIMITS, Progress())
    assert Prepared.load(out) == prepared
    PreparedFile.open(out).close()


async def test_a_source_that_cannot_be_read_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOENT)):
        await prepare(tmp_path / "nowhere.mp4", tmp_path / "out", LIMITS, Progress())
    assert not (tmp_path / "out" / FILE).exists()


def test_the_child_can_open_nothing_once_it_looks_at_its_input(tmp_path: Path) -> None:
    """Neither a file nor a socket: the descriptors it is allowed are all in use."""
    program = (
        "import os, socket, sys\n"
        "from playback import prepare_child\n"
        "prepare_child._open_nothing_more()\n"
        "for attempt in (lambda: os.open('/etc/passwd', os.O_RDONLY), socket.socket):\n"
        "    try:\n"
        "        attempt()\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(errno.EMFILE)] * 2


def test_the_child_dies_with_its_server(long_film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from playback.prepare import prepare\n"
        "from playback.prepared import Limits\n"
        "source, out = map(Path, sys.argv[1:])\n"
        "asyncio.run(prepare(source, out, Limits(), lambda at, of: print(at, flush=True)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(long_film), str(out)], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        (child,) = psutil.Process(server.pid).children()
        server.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs([child], timeout=PATIENCE_S)
    assert (gone, alive) == ([child], [])


def test_a_task_survives_its_way_to_the_child() -> None:
    task = Task(descriptor=7, folder="/somewhere", parent=1, limits=replace(LIMITS, threads=3))
    assert Task.from_json(task.to_json()) == task


def children() -> list[psutil.Process]:
    """Return the preparations under way; other tests may have left a process of their own running."""
    everyone = psutil.Process().children(recursive=True)
    return [child for child in everyone if "playback" in " ".join(child.cmdline())]
