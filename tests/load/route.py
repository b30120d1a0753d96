"""The way from the server to the load client: loopback, or a veth pair with a namespace of the bench's own.

    root namespace              namespace `room-bench-PID`
    server, driver  rbPIDa ──────── rbPIDb  load client

Invariant: what was made is removed again, by whatever way the bench ends; what a killed bench left behind is
removed by the next one.  Addresses are of 198.18.0.0/15, which RFC 2544 keeps for measuring.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load.packages import Missing, need
from tests.load.progress import say

_NAMESPACE = re.compile(r"^room-bench-(\d+)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Route:
    """Addresses of both ends.  `bursts`: what was sent as one reaches the client in one piece (`UDP_GRO`)."""

    server: str = "127.0.0.1"
    client: str = "127.0.0.1"
    namespace: str | None = None
    bursts: bool = False

    def enter(self) -> tuple[str, ...]:
        """What stands before the command of a program at the client's end."""
        return () if self.namespace is None else ("ip", "netns", "exec", self.namespace)

    def arguments(self) -> tuple[str, ...]:
        """What tells a load program where its sockets are."""
        return ("--bind", self.client, *(("--bursts",) if self.bursts else ()))


LOOPBACK = Route()


class NoWire(Exception):
    """This machine does not let the bench make a namespace; the message says why."""


@contextmanager
def wiring() -> Iterator[Wire]:
    """Make a namespace behind a veth pair.  Raise `NoWire` when that is not possible here."""
    if os.geteuid() != 0:
        raise NoWire("only root can make network namespaces")
    try:
        need("iproute2")
    except Missing as missing:
        raise NoWire(str(missing)) from missing
    remove_left_behind()
    wire = Wire(os.getpid())
    try:
        for command in wire.making():
            _ip(*command)
        yield wire
    finally:
        for command in wire.removing():
            # One half may never have been made.
            subprocess.run(("ip", *command), capture_output=True, check=False)


@dataclass(frozen=True, slots=True)
class Wire:
    """The veth pair of the bench whose process is `pid`: names, addresses, and the `ip` commands for it.

    `far`: the client is in the namespace.  `near`: it has the server's own address, so that the kernel takes
    the way of loopback; for servers that never offer 127.0.0.1.
    """

    pid: int

    @property
    def namespace(self) -> str:
        return f"room-bench-{self.pid}"

    @property
    def interface(self) -> str:
        return self._ends()[0]

    @property
    def far(self) -> Route:
        return Route(self._address(1), self._address(2), self.namespace, bursts=True)

    @property
    def near(self) -> Route:
        return Route(self._address(1), self._address(1))

    def making(self) -> Sequence[Sequence[str]]:
        near, far = self._ends()
        inside = ("-n", self.namespace)
        return (
            ("netns", "add", self.namespace),
            ("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.namespace),
            ("addr", "add", f"{self._address(1)}/30", "dev", near),
            ("link", "set", near, "up"),
            (*inside, "addr", "add", f"{self._address(2)}/30", "dev", far),
            (*inside, "link", "set", far, "up"),
            (*inside, "link", "set", "lo", "up"),
        )

    def removing(self) -> Sequence[Sequence[str]]:
        # The pair first: a namespace lives on, and would keep it, while a process is left in it.
        return (("link", "del", self.interface), ("netns", "del", self.namespace))

    def _ends(self) -> tuple[str, str]:
        return f"rb{self.pid}a", f"rb{self.pid}b"

    def _address(self, end: int) -> str:
        third, fourth = divmod(self.pid % 16_384, 64)
        return f"198.18.{third}.{fourth * 4 + end}"


def remove_left_behind() -> None:
    """Remove the namespaces of benches whose process is gone."""
    for pid in left_behind(_ip("netns", "list"), _is_running):
        say(f"  removing what bench {pid} left behind")
        for command in Wire(pid).removing():
            subprocess.run(("ip", *command), capture_output=True, check=False)


def left_behind(listed: str, is_running: Callable[[int], bool]) -> list[int]:
    """The processes, no longer running, whose namespaces `ip netns list` names."""
    return [pid for pid in map(int, _NAMESPACE.findall(listed)) if not is_running(pid)]


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _ip(*arguments: str) -> str:
    done = subprocess.run(("ip", *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoWire(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
