"""The position follows from the last transport row alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playback.clock import NS_PER_S, Motion, Transport, instant_ns, position_s

HOUR_NS = 3600 * NS_PER_S
instants = st.integers(0, 400 * 24 * HOUR_NS)


def test_a_running_transport_moves_one_second_a_second_and_is_never_early() -> None:
    transport = Transport(Motion.RUNNING, 30.0, at_ns=5 * NS_PER_S)
    assert position_s(transport, 5 * NS_PER_S + 1_250_000_000) == 31.25
    assert position_s(transport, 4 * NS_PER_S) == 30.0


@pytest.mark.parametrize("motion", [Motion.PAUSED, Motion.ENDED])
def test_a_still_transport_stands_still(motion: Motion) -> None:
    assert position_s(Transport(motion, 30.0, at_ns=0), HOUR_NS) == 30.0


@given(instants, st.floats(0, 4 * 3600), st.floats(0, 4 * 3600))
def test_instants_and_positions_are_each_other_s_inverse(at_ns: int, begin_s: float, later_s: float) -> None:
    """An hour later the two still agree to a microsecond, since nothing is added up."""
    transport = Transport(Motion.RUNNING, begin_s, at_ns)
    target_s = begin_s + later_s
    assert position_s(transport, instant_ns(transport, target_s)) == pytest.approx(target_s, abs=1e-6)
