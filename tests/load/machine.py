"""How much of the machine the bench did not use itself: figures of a busy machine say little about delay."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Of one core; when others take more, delays are not the server's alone.
QUIET_PERCENT = 20


def allow_descriptors() -> None:
    """Raise the limit on open files as far as allowed, for this process and those it starts.

    A thousand viewers are more than the usual limit, at the driver, the load client and the server alike.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_clock(pid: int) -> int:
    """The CPU clock of another process, as `clock_getcpuclockid(3)` would name it."""
    return (~pid << 3) | 2


def cpu_ns(pid: int) -> int:
    """User and system time of a whole process, ended threads included.

    This is the process's CPU clock, the kernel's sum behind the ticks of `/proc/PID/stat`.
    """
    return time.clock_gettime_ns(cpu_clock(pid))


def busy_ns(stat: str) -> int:
    """CPU time of everything on all cores since boot, by the text of `/proc/stat`."""
    ticks = [int(field) for field in stat.split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = ticks
    total = user + nice + system + interrupts + soft_interrupts + stolen
    return total * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """A moment's counts; the difference of two says what ran between them."""

    at_ns: int
    all_ns: int
    ours_ns: int

    @classmethod
    def now(cls, pids: Sequence[int]) -> Load:
        """Ours are this process and `pids`."""
        ours_ns = time.process_time_ns() + sum(cpu_ns(pid) for pid in pids)
        return cls(time.monotonic_ns(), busy_ns(Path("/proc/stat").read_text()), ours_ns)

    def others_percent(self, later: Load) -> float:
        """Per cent of one core that neither the server nor the bench used; never below zero."""
        others_ns = (later.all_ns - self.all_ns) - (later.ours_ns - self.ours_ns)
        return max(0.0, others_ns * 100 / (later.at_ns - self.at_ns))
