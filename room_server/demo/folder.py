"""The demo's data folder when nobody named one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def chosen(folder: Path | None) -> Iterator[Path]:
    """Yield `folder`, or a temporary one that is removed at the end."""
    if folder is not None:
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix="room-server-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
