"""The figures of playback are over all rooms and starts."""

from __future__ import annotations

import dataclasses

from tests.load.playback import ROOMS_A_WAVE, WAVES, Played

PLAYED = Played(
    rooms=10,
    viewers=30,
    late_ms=(12.0, 14.0, 13.0, 90.0),
    cpu_ns=3_000_000_000,
    seconds=10.0,
    skew_ms=(0.0, -12.5, None, 3.0),
)


def test_it_takes_at_least_ten_rooms_and_several_starts() -> None:
    assert WAVES * ROOMS_A_WAVE >= 10
    assert WAVES > 1


def test_cpu_is_shared_by_the_rooms() -> None:
    assert PLAYED.to_json()["cpu_percent_per_room"] == 3.0


def test_the_latest_start_shows() -> None:
    assert PLAYED.to_json()["start_late_ms"] == {"min": 12.0, "p50": 13.0, "p99": 90.0}


def test_skew_counts_either_way_and_says_of_how_many_rooms() -> None:
    assert PLAYED.to_json()["av_skew_ms"] == {"p99": 12.5, "rooms": 3}


def test_skew_that_no_probe_could_tell_is_null() -> None:
    unknown = dataclasses.replace(PLAYED, skew_ms=(None, None))
    assert unknown.to_json()["av_skew_ms"] == {"p99": None, "rooms": 0}
