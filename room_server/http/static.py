"""The built web client: files with a hash in their name, kept by browsers for good.

Invariant: a file's content never changes under an immutable address; what is not hashed is asked for again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from room_server.errors import Refused

FOLDER = Path(__file__).with_name("static")
PREFIX = "/static/"

_HASHED = "assets/"
_COMPRESSED = frozenset(
    {
        "text/css",
        "text/javascript",
        "application/json",
        "image/svg+xml",
        "application/manifest+json",
        "text/html",
    }
)
_WORTH_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Addresses of what a page has to load.  `script` is None when nothing was built."""

    script: str | None
    styles: tuple[str, ...]
    preloads: tuple[str, ...]


class StaticFiles:
    """Serves one folder, read at need and compressed once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()
        self._compressed: dict[Path, bytes] = {}

    def entry(self, source: str) -> Entry:
        """Return what the manifest lists for the entry `source`."""
        path = self._folder / ".vite" / "manifest.json"
        if not path.is_file():
            return Entry(None, (), ())
        manifest = json.loads(path.read_text(encoding="utf-8"))
        built = manifest[source]
        styles, preloads = list(built.get("css", ())), []
        waiting, seen = list(built.get("imports", ())), set()
        while waiting:
            if (name := waiting.pop(0)) in seen:
                continue
            seen.add(name)
            chunk = manifest[name]
            preloads.append(chunk["file"])
            styles += chunk.get("css", ())
            waiting += chunk.get("imports", ())
        return Entry(
            PREFIX + built["file"],
            tuple(dict.fromkeys(PREFIX + name for name in styles)),
            tuple(PREFIX + name for name in preloads),
        )

    def style(self, source: str) -> tuple[str, ...]:
        """Return the address of the style sheet that was built from `source`, if it was."""
        path = self._folder / ".vite" / "manifest.json"
        if not path.is_file():
            return ()
        built = json.loads(path.read_text(encoding="utf-8")).get(source)
        return () if built is None else (PREFIX + built["file"],)

    def _found(self, name: str) -> Path:
        try:
            path = (self._folder / name).resolve()
            if path.is_relative_to(self._folder) and not name.startswith(".") and path.is_file():
                return path
        except (ValueError, OSError):
            pass  # a name that no file can have
        raise Refused("not_found", 404)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /static/{path}`; raises `Refused("not_found")`."""
        name = request.match_info["path"]
        path = self._found(name)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        content = path.read_bytes()
        headers = {"Content-Type": kind, "Vary": "Accept-Encoding"}
        if name.startswith(_HASHED):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            headers["Cache-Control"] = "no-cache"
            headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                return web.Response(status=304, headers=headers)
        if _takes_gzip(request) and kind in _COMPRESSED and len(content) >= _WORTH_BYTES:
            content = self._gzip(path, content)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=content, headers=headers)

    def _gzip(self, path: Path, content: bytes) -> bytes:
        if path not in self._compressed:
            self._compressed[path] = gzip.compress(content, 9, mtime=0)
        return self._compressed[path]


def _takes_gzip(request: web.Request) -> bool:
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0")
    return False
