"""The arithmetic of the probe: instants from sender reports, position, skew, freezes, and what is printed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_server.probe.readings import Arrival, Picture, freezes, position_error_s, skew_s
from room_server.probe.report import Report
from room_server.probe.sender_clock import NTP_TO_EPOCH_S, SenderClock, Timed

START = 1_800_000_000.0


def clock(*reports: tuple[float, int], rate_hz: int = 90_000, lag_s: float = 0.01) -> SenderClock:
    made = SenderClock(rate_hz)
    for instant_s, rtp in reports:
        made.note(int((instant_s + NTP_TO_EPOCH_S) * (1 << 32)), rtp, instant_s + lag_s)
    return made


def pictures(count: int, behind_s: float = 0.0, pace: float = 1.0, first_s: float = 10.0) -> list[Picture]:
    return [Picture(START + first_s + k / 30 * pace + behind_s, first_s + k / 30) for k in range(count)]


@given(rtp=st.integers(0, 2**32 - 1), ahead_s=st.floats(-3_600, 3_600))
def test_a_timestamp_is_as_far_from_a_report_as_its_instant(rtp: int, ahead_s: float) -> None:
    later = (rtp + round(ahead_s * 90_000)) % 2**32
    instant = clock((START, rtp)).instant_s(later)
    assert instant == pytest.approx(START + ahead_s, abs=1e-4)


def test_the_nearest_report_counts() -> None:
    drifting = clock((START, 0), (START + 100.5, 9_000_000))
    assert drifting.instant_s(900_000) == pytest.approx(START + 10, abs=1e-4)
    assert drifting.instant_s(8_100_000) == pytest.approx(START + 90.5, abs=1e-4)


def test_without_a_report_there_is_no_instant() -> None:
    assert SenderClock(90_000).instant_s(1) is None
    assert SenderClock(90_000).lag_s is None


def test_what_was_read_before_the_first_report_waits_for_it() -> None:
    silent = SenderClock(90_000)
    timed = Timed(silent)
    timed.add(90_000, 1.0)
    assert timed.readings() == []
    silent.note(int((START + NTP_TO_EPOCH_S) * (1 << 32)), 0, START)
    timed.add(180_000, 2.0)
    instants, values = zip(*timed.readings(), strict=True)
    assert instants == pytest.approx((START + 1, START + 2))
    assert values == (1.0, 2.0)


def test_the_quickest_report_tells_how_far_the_clocks_are_apart() -> None:
    slow = clock((START, 0), (START + 1, 90_000), lag_s=0.2)
    slow.note(int((START + 2 + NTP_TO_EPOCH_S) * (1 << 32)), 180_000, START + 2.05)
    assert slow.lag_s == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("behind_s", [0.0, 0.25, -0.25, 7.0])
def test_the_position_error_is_how_far_the_film_is_behind(behind_s: float) -> None:
    """AUT-5"""
    assert position_error_s(pictures(30, behind_s), START) == pytest.approx(behind_s, abs=1e-6)


def test_the_burst_of_a_late_joiner_does_not_count() -> None:
    burst = pictures(59, behind_s=1.9, pace=0.05, first_s=8.0)
    assert position_error_s(burst, START) is None
    assert position_error_s(burst + pictures(5, behind_s=0.02), START) == pytest.approx(0.02, abs=1e-6)


def test_one_picture_or_a_still_one_tells_no_position() -> None:
    still = [Picture(START + k / 30, 10.0) for k in range(30)]
    assert position_error_s(pictures(1), START) is None
    assert position_error_s(still, START) is None


@given(late_s=st.floats(-0.4, 0.4), behind_s=st.floats(-20, 20))
def test_skew_is_how_much_later_the_picture_is(late_s: float, behind_s: float) -> None:
    ticks = [START + behind_s + second for second in range(10, 15)]
    skew = skew_s(pictures(60, behind_s + late_s), ticks)
    assert skew == pytest.approx(late_s, abs=1e-5)


def test_without_ticks_or_pictures_there_is_no_skew() -> None:
    assert skew_s(pictures(30), []) is None
    assert skew_s([], [START]) is None


def arrivals(
    gaps_s: list[float], media_s: list[float] | None = None, lost: list[int] | None = None
) -> list[Arrival]:
    at = media = 0.0
    made = [Arrival(at, media, 0)]
    for index, gap in enumerate(gaps_s):
        at, media = at + gap, media + (media_s or gaps_s)[index]
        made.append(Arrival(at, media, (lost or [0] * len(gaps_s))[index]))
    return made


def test_an_even_stream_has_no_freeze() -> None:
    assert freezes(arrivals([1 / 30] * 90)) == 0
    assert freezes([]) == freezes(arrivals([])) == 0


def test_a_picture_that_comes_late_is_a_freeze() -> None:
    gaps = [1 / 30] * 30 + [0.6] + [1 / 30] * 30
    assert freezes(arrivals(gaps, media_s=[1 / 30] * 61)) == 1


def test_a_pause_of_the_senders_own_is_no_freeze() -> None:
    assert freezes(arrivals([1 / 30] * 30 + [8.0] + [1 / 30] * 30)) == 0


def test_a_time_in_which_the_probe_itself_stood_still_is_no_freeze() -> None:
    late = arrivals([1 / 30] * 30 + [0.6] + [1 / 30] * 30, media_s=[1 / 30] * 61)
    stalled = [*late[:31], *(replace(arrival, stalled_s=0.5) for arrival in late[31:])]
    assert (freezes(late), freezes(stalled)) == (1, 0)


def test_pictures_lost_on_the_way_are_a_freeze() -> None:
    gaps = [1 / 30] * 30 + [0.6] + [1 / 30] * 30
    assert freezes(arrivals(gaps, lost=[0] * 30 + [40] * 31)) == 1


def test_the_report_has_the_documented_fields() -> None:
    seen = Report(12, None, 0, 0, 0, 0, None, None, "seat_moved")
    assert json.loads(json.dumps(seen.as_json())) == {
        "joined_ms": 12,
        "first_frame_ms": None,
        "video_frames": 0,
        "audio_frames": 0,
        "lost": 0,
        "freezes": 0,
        "position_error_ms": None,
        "av_skew_ms": None,
        "closed": "seat_moved",
    }
    assert not seen.media_flowed
