"""Pauses between tries, and what is stored of a failure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from room_server.jobs.rules import LONGEST_REASON, Away, Dead, Policy, Retry, pause_s, reason_of

POLICY = Policy(first_pause_s=10, longest_pause_s=600)


def test_each_pause_is_twice_the_last_up_to_the_longest() -> None:
    assert [pause_s(POLICY, tries, 0) for tries in range(1, 9)] == [10, 20, 40, 80, 160, 320, 600, 600]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_stays_within_its_bounds_after_any_number_of_tries(tries: int, chance: float) -> None:
    assert POLICY.first_pause_s / 2 <= pause_s(POLICY, tries, chance) <= POLICY.longest_pause_s


def test_chance_spreads_what_failed_together() -> None:
    assert len({pause_s(POLICY, 3, chance / 10) for chance in range(10)}) == 10


def test_our_own_words_are_stored_and_those_of_others_are_not() -> None:
    for kind in (Retry, Away, Dead):
        assert reason_of(kind("421 busy")) == "421 busy"
    assert reason_of(ValueError("password hunter2")) == "ValueError"
    assert reason_of(Dead()) == "Dead"
    assert len(reason_of(Retry("x" * 10_000))) == LONGEST_REASON
