"""The demo's film, planned by a process of its own: what makes films stays out of the server's memory.

    python -m room_server.demo.film FOLDER     makes the film unless it is there; the plan goes to stdout

Invariant: a film that is there is only read.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playback.timeline import MediaItem, OverlayItem, OverlayKind, Timeline
from room_server.errors import Refused


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """The demo's timeline, and where each asset of it lies."""

    timeline: Timeline
    folders: dict[str, Path]


def usual_folder(data_dir: Path) -> Path:
    """Return where the film is, or is to be made: in the cache of a checkout, else in the data."""
    root = Path(__file__).resolve().parents[2]
    return root / ".cache" / "demo-film" if (root / "pyproject.toml").is_file() else data_dir / "demo-film"


class Planning:
    """The plan of the film in `folder`, under way from here on: its process works while the server loads.

    A film that is missing is made first, which takes some minutes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", __name__, os.fspath(folder)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  our own module

    async def plan(self) -> FilmPlan:
        """Return the plan.  Raises `Refused("demo_film_unusable")`."""
        try:
            said, _ = await asyncio.to_thread(self._child.communicate)
        except asyncio.CancelledError:
            self._child.terminate()  # which ends the thread that listens to it, too
            raise
        if self._child.returncode != 0:
            raise Refused("demo_film_unusable", 503, {"folder": str(self._folder)})
        return _read(json.loads(said))

    def give_up(self) -> None:
        """End the process if it still works; nothing to do once the plan is there."""
        self._child.terminate()
        with self._child:
            pass


def _read(document: dict[str, Any]) -> FilmPlan:
    media = tuple(MediaItem(**item) for item in document["media"])
    overlays = tuple(
        OverlayItem(**{**item, "kind": OverlayKind(item["kind"])}) for item in document["overlays"]
    )
    folders = {asset_id: Path(path) for asset_id, path in document["folders"].items()}
    return FilmPlan(Timeline(media, overlays), folders)


def _write(folder: Path) -> dict[str, Any]:
    from playback import demo_film
    from playback.source import AssetMissing

    shown = -1

    def progress(share: float) -> None:
        nonlocal shown
        if (percent := int(share * 20) * 5) > shown:
            shown = percent
            sys.stderr.write(f"preparing the demo film: {percent} %\n")

    try:
        films = demo_film.load(folder)
    except AssetMissing:
        films = demo_film.make(folder, progress)
    timeline = demo_film.demo_timeline(films)
    return {
        "media": [asdict(item) for item in timeline.media],
        "overlays": [asdict(item) for item in timeline.overlays],
        "folders": {film.asset_id: str(films.asset_folder(film).resolve()) for film in films.films},
    }


if __name__ == "__main__":
    json.dump(_write(Path(sys.argv[1])), sys.stdout)
