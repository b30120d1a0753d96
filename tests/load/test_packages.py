"""What is missing is said, not guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.packages import Missing, need


def test_what_is_here_is_not_installed_again() -> None:
    need("bash")


def test_what_cannot_be_had_is_missing(tmp_path: Path) -> None:
    tool = tmp_path / "need"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o700)
    with pytest.raises(Missing, match="janus"):
        need("janus", tool)
    with pytest.raises(Missing, match="janus"):
        need("janus", tmp_path / "nothing")
