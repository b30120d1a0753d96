"""What else runs on the machine is told apart from what the bench runs itself."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

from tests.load.machine import Load, allow_descriptors, busy_ns, cpu_ns


def test_the_cpu_clock_of_a_process_is_what_it_used_itself() -> None:
    before = time.process_time_ns()
    read = cpu_ns(os.getpid())
    assert before <= read <= time.process_time_ns()


def test_another_process_is_read_too_and_its_use_of_cpu_shows() -> None:
    busy = "import sys\nfor i in range(2_000_000): pass\nprint('done', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", busy]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert cpu_ns(process.pid) > 10_000_000
        process.communicate()


def test_open_files_are_limited_as_late_as_allowed_also_for_children() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        allow_descriptors()
        command = [sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"]
        assert subprocess.check_output(command, text=True).strip() == str((limits[1], limits[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_idle_and_waiting_are_not_busy_and_guests_count_once() -> None:
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    stat = "cpu  10 20 30 4000 5000 6 7 8 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert busy_ns(stat) == 81 * tick_ns


def test_what_others_used_is_all_less_ours() -> None:
    before = Load(at_ns=0, all_ns=1_000, ours_ns=100)
    after = Load(at_ns=10_000, all_ns=9_000, ours_ns=3_100)
    assert before.others_percent(after) == 50.0


def test_rounding_to_ticks_never_makes_others_negative() -> None:
    assert Load(0, 0, 0).others_percent(Load(100, 10, 11)) == 0.0
