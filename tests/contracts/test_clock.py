"""What any clock promises, on each that there is: the product's and the one of tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from room_server.clock import AnchoredClock, Clock, WallClock
from tests.kit.clock import START, FakeClock

CLOCKS: list[Clock] = [FakeClock(), AnchoredClock(START), WallClock(lambda: START)]
NAMES = ["fake", "anchored", "wall"]


@pytest.mark.parametrize("clock", CLOCKS, ids=NAMES)
def test_now_is_in_utc_and_near_its_anchor(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert timedelta(0) <= clock.now() - START < timedelta(minutes=10)


@pytest.mark.parametrize("clock", CLOCKS, ids=NAMES)
def test_no_clock_goes_back_by_itself(clock: Clock) -> None:
    earlier, earlier_ns = clock.now(), clock.monotonic_ns()
    assert clock.now() >= earlier
    assert clock.monotonic_ns() >= earlier_ns


@pytest.mark.parametrize("clock", CLOCKS, ids=NAMES)
def test_an_instant_falls_on_the_monotonic_clock_where_it_will_be_then(clock: Clock) -> None:
    before_ns = clock.monotonic_ns()
    in_a_minute_ns = clock.to_monotonic_ns(clock.now() + timedelta(minutes=1))
    assert -1_000 < in_a_minute_ns - before_ns - 60_000_000_000 < 5_000_000_000  # instants have microseconds


@pytest.mark.parametrize("clock", [FakeClock(), AnchoredClock(START)], ids=["fake", "anchored"])
def test_instants_keep_their_distance_exactly(clock: Clock) -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)
    later = first + timedelta(days=4_000, microseconds=1)
    assert clock.to_monotonic_ns(later) - clock.to_monotonic_ns(first) == 4_000 * 86_400 * 10**9 + 1_000


@pytest.mark.parametrize("clock", CLOCKS, ids=NAMES)
def test_an_anchored_clock_shows_what_it_was_given_and_shares_the_monotonic_clock(clock: Clock) -> None:
    later = START + timedelta(days=1)
    anchored = clock.anchored(later)
    assert timedelta(0) <= anchored.now() - later < timedelta(minutes=1)
    assert 0 <= anchored.monotonic_ns() - clock.monotonic_ns() + 1_000_000_000 < 60_000_000_000


def test_the_wall_clock_heeds_a_step_and_what_was_anchored_does_not() -> None:
    shown = START
    clock = WallClock(lambda: shown)
    anchored = clock.anchored(clock.now())
    shown = START + timedelta(hours=1)
    assert clock.now() == START + timedelta(hours=1)
    assert anchored.now() - START < timedelta(minutes=1)
