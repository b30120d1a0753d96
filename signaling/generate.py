"""Writes what others read of the wire: `web/src/wire.ts` for our client, `docs/protocol.md` for others.

    python -m signaling.generate            write both
    python -m signaling.generate --check    exit 1 if either differs from what is committed

Both are pure functions of `wire.py` and `tables.py`: no date, no order of chance.
"""

from __future__ import annotations

import sys
from pathlib import Path

from signaling.protocol_page import protocol_page
from signaling.typescript import typescript

ROOT = Path(__file__).parent.parent


def outputs() -> dict[Path, str]:
    """The generated files, by where they belong."""
    return {ROOT / "web/src/wire.ts": typescript(), ROOT / "docs/protocol.md": protocol_page()}


def stale(files: dict[Path, str]) -> list[Path]:
    """Those that are missing or differ from `files`."""
    return [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or up to date, 1 stale, 2 not understood."""
    files = outputs()
    if arguments == ["--check"]:
        for path in stale(files):
            print(f"{path.relative_to(ROOT)} differs from signaling/wire.py: run make docs", file=sys.stderr)
        return 1 if stale(files) else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for path in stale(files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
