"""Debian's coturn on loopback: a real TURN server that shares a secret with the server under test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.certificates import ADDRESS, Authority
from tests.kit.patience import PATIENCE_S

SECRET = "a secret that two servers share"


@dataclass(frozen=True, slots=True)
class Coturn:
    """`authority` signed the certificate behind `tls_port`."""

    port: int
    tls_port: int
    authority: Authority
    log: Path

    @property
    def tls_url(self) -> str:
        return f"turns:{ADDRESS}:{self.tls_port}"


@contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """Run it until the end of the block."""
    authority = Authority()
    files = authority.issue(folder, "turn")
    turn = Coturn(_free_port(), _free_port(), authority, folder / "coturn.log")
    program = shutil.which("turnserver")
    assert program is not None, "coturn is missing: make .cache/peers"
    with turn.log.open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, "-n", "--no-cli", "--no-dtls", "--log-file", "stdout", "--simple-log", "-v"),
                *("--listening-ip", ADDRESS, "--relay-ip", ADDRESS, "--allow-loopback-peers"),
                *("--listening-port", str(turn.port), "--tls-listening-port", str(turn.tls_port)),
                *("--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "room.test"),
                *("--cert", str(files.certificate), "--pkey", str(files.key)),
                *("--pidfile", str(folder / "coturn.pid"), "--userdb", str(folder / "coturn.db")),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _until_it_listens(turn, process)
        yield turn
    finally:
        process.terminate()
        process.wait()


def _until_it_listens(turn: Coturn, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _listens(turn.tls_port):
        assert process.poll() is None, turn.log.read_text(errors="replace")
        assert time.monotonic() < deadline, turn.log.read_text(errors="replace")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as caller:
        return caller.connect_ex((ADDRESS, port)) == 0


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
