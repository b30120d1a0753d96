"""The import rules of ARCHITECTURE.md hold, and the check that says so can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("room_server", "signaling", "playback", "media")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the Python sources, free to be spoilt."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "core", "static", "*.so")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_rules_hold(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("media/sdp.py", "import room_server.errors"),
        ("playback/timeline.py", "from media import engine"),
        ("room_server/room/chat.py", "import signaling.wire"),
        ("room_server/access/service.py", "import sqlalchemy"),
        ("room_server/room/service.py", "from aiohttp import web"),
        ("room_server/events/service.py", "import room_server.room.service"),
    ],
)
def test_a_planted_violation_fails(copy: Path, module: str, line: str) -> None:
    spoilt = copy / module
    spoilt.write_text(f"{spoilt.read_text()}\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
