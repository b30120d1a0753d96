"""Programs that one bench needs and the product does not: `deploy/need` finds or installs them."""

from __future__ import annotations

import subprocess
from pathlib import Path

_NEED = Path(__file__).parents[2] / "deploy" / "need"


class Missing(Exception):
    """A package is not here and cannot be installed."""


def need(package: str, tool: Path = _NEED) -> None:
    """Return when `package` is here.  Raise `Missing`."""
    try:
        subprocess.run((tool, package), check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"{package} is missing and could not be installed") from error
