"""What any clock promises, on each that there is: the product's and the one of tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from room_server.clock import Clock, anchor
from tests.kit.clock import START, FakeClock

CLOCKS: list[Clock] = [FakeClock(), anchor(START)]


@pytest.mark.parametrize("clock", CLOCKS, ids=["fake", "anchored"])
def test_now_is_in_utc_and_near_its_anchor(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert timedelta(0) <= clock.now() - START < timedelta(minutes=10)


@pytest.mark.parametrize("clock", CLOCKS, ids=["fake", "anchored"])
def test_neither_clock_goes_back(clock: Clock) -> None:
    earlier, earlier_ns = clock.now(), clock.monotonic_ns()
    assert clock.now() >= earlier
    assert clock.monotonic_ns() >= earlier_ns


@pytest.mark.parametrize("clock", CLOCKS, ids=["fake", "anchored"])
def test_an_instant_falls_on_the_monotonic_clock_where_it_will_be_then(clock: Clock) -> None:
    before_ns = clock.monotonic_ns()
    in_a_minute_ns = clock.to_monotonic_ns(clock.now() + timedelta(minutes=1))
    assert -1_000 < in_a_minute_ns - before_ns - 60_000_000_000 < 5_000_000_000  # instants have microseconds


@pytest.mark.parametrize("clock", CLOCKS, ids=["fake", "anchored"])
def test_instants_keep_their_distance_exactly(clock: Clock) -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)
    later = first + timedelta(days=4_000, microseconds=1)
    assert clock.to_monotonic_ns(later) - clock.to_monotonic_ns(first) == 4_000 * 86_400 * 10**9 + 1_000
