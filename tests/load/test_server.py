"""What is read about the measured process."""

from __future__ import annotations

import pytest

from tests.load.server import rss_kb, threads


def test_resident_memory_is_read_from_the_status_file() -> None:
    assert rss_kb("Name:\troom\nVmHWM:\t  200 kB\nVmRSS:\t  12345 kB\nThreads:\t4\n") == 12_345


def test_threads_are_read_from_the_status_file() -> None:
    assert threads("Name:\troom\nThreads:\t12\nSigQ:\t0/95\n") == 12


def test_an_ended_process_has_no_memory_to_read() -> None:
    with pytest.raises(ValueError, match="ended"):
        rss_kb("Name:\troom\nState:\tZ (zombie)\n")
