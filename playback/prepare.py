"""Preparation of an uploaded file, in a child process that can be killed at any moment.

    prepare ──► child started ──► progress… ──► verdict ──► files moved into place, prepared.json last
                     │                              └─────► PrepareRefused, nothing left
                     └── cancelled, or out of time ───────► child killed, nothing left

Invariant: `out` never holds a half prepared asset: without `prepared.json` there is none, and what an
interrupted preparation left behind is removed by the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from playback.prepare_child import NO_ROOM, POSTER, SOUND, Task
from playback.prepared import FILE, Limits, Prepared, PrepareRefused

PARTIAL = ".partial-"
LOG_BYTES = 4000
OURS = ("video-*", f"{SOUND}*", POSTER)

Progress = Callable[[float, float | None], None]

_log = structlog.get_logger(__name__)


async def prepare(source: Path, out: Path, limits: Limits, on_progress: Progress) -> Prepared:
    """Prepare the file `source` into the folder `out`, which is made if need be.

    `on_progress` hears the presentation time reached in seconds, and the declared duration where the file
    states one; it starts anew for each of the passes over sound and picture.
    Raise `PrepareRefused`: unknown_kind, damaged, too_large, forbidden_reference, disk_full, timed_out; and
    `OSError` when `source` cannot be read.  A cancelled preparation has killed its child when it returns.
    """
    with source.open("rb") as file:
        folder = _fresh_folder(out)
        try:
            verdict = await _verdict(Task(file.fileno(), str(folder), os.getpid(), limits), on_progress)
            if "refused" in verdict:
                raise PrepareRefused(verdict["refused"], verdict["detail"])
            return _move(Prepared.from_facts(folder, verdict["prepared"]), out)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise PrepareRefused("disk_full", str(error)) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fresh_folder(out: Path) -> Path:
    """Make a folder for this preparation inside `out`, after removing those of preparations that died."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{PARTIAL}*"):
            shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=PARTIAL, dir=out))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise PrepareRefused("disk_full", str(error)) from error
        raise


def _move(prepared: Prepared, out: Path) -> Prepared:
    (out / FILE).unlink(missing_ok=True)
    for pattern in OURS:
        for earlier in out.glob(pattern):
            earlier.unlink()
    for path in prepared.folder.iterdir():
        path.replace(out / path.name)
    moved = replace(prepared, folder=out)
    moved.save()
    return moved


async def _verdict(task: Task, on_progress: Progress) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "playback.prepare_child",
        task.to_json(),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        pass_fds=(task.descriptor,),
        start_new_session=True,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(task.limits.timeout_s):
            verdict, log, status = await asyncio.gather(
                _listen(process, on_progress), _last_words(process), process.wait()
            )
    except TimeoutError as error:
        raise PrepareRefused("timed_out", f"{task.limits.timeout_s:.0f} s") from error
    finally:
        await _kill(process)
    return _died(status, log) if verdict is None else verdict


async def _listen(process: Process, on_progress: Progress) -> dict[str, Any] | None:
    """Pass progress on and return the verdict, None when the child died before one."""
    if process.stdout is None:
        return None
    async for line in process.stdout:
        message: dict[str, Any] = json.loads(line)
        if "at_s" not in message:
            return message
        on_progress(message["at_s"], message["of_s"])
    return None


async def _last_words(process: Process) -> str:
    words = b""
    while process.stderr is not None and (part := await process.stderr.read(LOG_BYTES)):
        words = (words + part)[-LOG_BYTES:]
    return words.decode(errors="replace")


def _died(status: int, log: str) -> dict[str, Any]:
    """Say what the death of a child means: out of processor time, or a file that breaks decoders.

    A child that ended by itself without a verdict has a bug of ours: that raises.
    """
    if status >= 0:
        raise RuntimeError(f"preparation ended with {status}: {log}")
    code = "timed_out" if status == -signal.SIGXCPU else "damaged"
    _log.warning("preparation_died", status=status, code=code, log=log)
    return {"refused": code, "detail": f"the child died of signal {-status}"}


async def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


def _environment() -> dict[str, str]:
    """Return the child's whole environment: where the code is, and one thread for numerics."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "4",
        "LANG": "C.UTF-8",
    }
