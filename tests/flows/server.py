"""A real `room-server demo` in its own process, as an operator would start it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True)
class DemoSession:
    session_id: str
    room_type: str
    starts_at: datetime
    hosts: tuple[str, ...]
    participants: tuple[str, ...]


class Demo:
    """The running server; `kill` and `start` again on the same folder and ports is a crash and a restart."""

    def __init__(
        self,
        folder: Path,
        *,
        starts_in_s: int,
        participants: int = 6,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.starts_in_s = starts_in_s
        self.participants = participants
        self.settings = settings
        self.port = self.udp_port = 0
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start and wait until it is ready; return how many seconds that took."""
        begun = time.monotonic()
        command = [
            *(str(Path(sys.executable).with_name("room-server")), "demo", "--json"),
            *("--data-dir", str(self.folder)),
            *("--port", str(self.port)),
            *("--udp-port", str(self.udp_port)),
            *("--starts-in", str(self.starts_in_s)),
            *("--participants", str(self.participants)),
        ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ROOM_")}
        environment["ROOM_TCP_PORT"] = "0"  # that the UDP port is free says nothing of its number in TCP
        with self._log_path.open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment | dict(self.settings)
            )
        self.ready = json.loads(self._first_line())
        self.port = int(self.ready["url"].rstrip("/").rpartition(":")[2])
        self.udp_port = int(self.ready["udp_port"])
        return time.monotonic() - begun

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        line = self._process.stdout.readline() if readable else ""
        assert line.startswith("{"), f"the server did not come up; its log: {self.log()[-2000:]}"
        return line

    def session(self, room_type: str, index: int = 0) -> DemoSession:
        found = [session for session in self.ready["sessions"] if session["room_type"] == room_type][index]
        return DemoSession(
            found["id"],
            found["room_type"],
            datetime.fromisoformat(found["starts_at"]),
            tuple(found["links"]["host"]),
            tuple(found["links"]["participant"]),
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        code = self._process.wait(timeout=PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        return code

    def log(self) -> str:
        return self._log_path.read_text() if self._log_path.exists() else ""

    @property
    def _log_path(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.log"
