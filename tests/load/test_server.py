"""What is read about the measured process."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.load.server import read_ready, rss_kb


def test_resident_memory_is_read_from_the_status_file() -> None:
    assert rss_kb("Name:\troom\nVmHWM:\t  200 kB\nVmRSS:\t  12345 kB\nThreads:\t4\n") == 12_345


def test_an_ended_process_has_no_memory_to_read() -> None:
    with pytest.raises(ValueError, match="ended"):
        rss_kb("Name:\troom\nState:\tZ (zombie)\n")


def test_the_ready_line_of_the_demo_is_understood() -> None:
    line = {
        "url": "http://127.0.0.1:8000",
        "udp_port": 7000,
        "metrics_url": "http://127.0.0.1:9000/metrics",
        "data_dir": "data",
        "pid": 42,
        "admin": {"email": None, "password": None},
        "sessions": [
            {
                "id": "s1",
                "room_type": "automated",
                "starts_at": "2026-11-21T10:00:00Z",
                "links": {"host": ["h"], "participant": ["a", "b"]},
            },
            {
                "id": "s2",
                "room_type": "live",
                "starts_at": "2026-11-21T10:00:00Z",
                "links": {"host": ["k"], "participant": ["c"]},
            },
        ],
    }
    server = read_ready(json.dumps(line))
    assert server.pid == 42
    [session] = server.sessions
    assert (session.host, session.participants) == ("h", ("a", "b"))
    assert session.starts_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
