"""The demo's film, planned by a process of its own: what makes films stays out of the server's memory.

    python -m room_server.demo.film FOLDER     makes the film unless it is there; the plan goes to stdout

Invariant: a film that is there is only read.
"""

from __future__ import annotations

import asyncio
import json
import os
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


async def plan(folder: Path) -> FilmPlan:
    """Return the plan of the film in `folder`, made first if it is missing: then it takes some minutes.

    Raises `Refused("demo_film_unusable")`.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, os.fspath(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await child.communicate()
    except asyncio.CancelledError:
        child.terminate()
        await child.wait()
        raise
    if child.returncode != 0:
        raise Refused("demo_film_unusable", 503, {"folder": str(folder)})
    return _read(json.loads(said))


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
