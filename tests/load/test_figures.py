"""The bench's arithmetic is right, whatever it measured."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.load.figures import (
    BENCHES,
    Delays,
    Floor,
    Joins,
    Window,
    last_line,
    mean_floor,
    quantile,
)

FLOOR = Floor(sendto_gcm_ns=4_000, gso8_gcm_ns=1_400, gcm_ns=170, stream_gcm_ns=2_000)
WINDOW = Window(
    viewers=3,
    seconds=10.0,
    sent=1_000,
    received=(1_000, 1_000, 990),
    retransmitted=4,
    overflowed=0,
    cpu_ns=5_980_000,
    client_cpu_ns=9_000_000,
    delay=Delays(1.234, 9.876),
    audio_delay=Delays(0.5, None),
    rss_before_kb=100_000,
    rss_after_kb=100_180,
    others_percent=1.0,
)


def test_a_packet_that_one_viewer_never_had_is_lost() -> None:
    assert WINDOW.packets == 2_990
    assert WINDOW.lost == 10


def test_a_viewer_that_does_not_report_lost_everything() -> None:
    silent = dataclasses.replace(WINDOW, received=(1_000, 1_000))
    assert silent.lost == 1_000


def test_the_price_is_cpu_time_by_delivered_packets_and_the_ratio_is_to_one_sendto() -> None:
    assert WINDOW.cpu_ns_per_packet == 2_000
    assert WINDOW.ratio_to(FLOOR) == 0.5


def test_a_window_in_which_nothing_arrived_has_no_price() -> None:
    empty = dataclasses.replace(WINDOW, received=(0, 0, 0))
    assert empty.cpu_ns_per_packet is None
    assert empty.ratio_to(FLOOR) is None
    assert empty.to_json(FLOOR)["lost"] == 3_000


def test_the_figures_have_the_names_that_outside_checks_read() -> None:
    figures = WINDOW.to_json(FLOOR)
    assert {
        "viewers",
        "packets",
        "lost",
        "cpu_ns_per_packet",
        "ratio_to_floor",
        "delay_ms",
        "audio_delay_ms",
        "kb_per_viewer",
    } <= figures.keys()
    assert figures["delay_ms"] == {"p50": 1.23, "p99": 9.88}
    assert figures["kb_per_viewer"] == 60.0
    assert {"sendto_gcm_ns", "gso8_gcm_ns"} <= FLOOR.to_json().keys()


def test_the_floor_is_the_mean_of_before_and_after() -> None:
    assert mean_floor([FLOOR, Floor(4_400, 1_600, 190, 2_200)]) == Floor(4_200, 1_500, 180, 2_100)


def test_a_join_does_not_pay_for_what_was_forwarded_meanwhile() -> None:
    joins = Joins(
        seconds=2.0, cpu_ns=100_000_000, forwarded=10_000, first_frame_ms=(100.0, 200.0, 300.0, 400.0)
    )
    assert joins.cpu_ms_per_join(ns_per_packet=2_000) == 20.0
    assert joins.to_json(2_000) == {
        "per_s": 2.0,
        "cpu_ms_per_join": 20.0,
        "first_frame_ms": {"p50": 200.0, "p99": 400.0},
    }


def test_without_a_single_join_there_is_no_price() -> None:
    assert Joins(1.0, 5, 0, ()).cpu_ms_per_join(1) is None


@pytest.mark.parametrize(("part", "value"), [(0, 1), (0.5, 2), (0.51, 3), (0.99, 4), (1, 4)])
def test_a_quantile_is_a_measured_value(part: float, value: float) -> None:
    assert quantile([4, 2, 1, 3], part) == value


def test_nothing_has_no_quantile() -> None:
    assert quantile([], 0.5) is None


def test_the_last_line_names_every_bench_and_null_is_what_did_not_run() -> None:
    line = json.loads(json.dumps(last_line({"floor": FLOOR.to_json()})))
    assert tuple(line) == BENCHES
    assert line["floor"]["sendto_gcm_ns"] == 4_000
    assert line["wire"] is None


def test_a_bench_that_the_last_line_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="typo"):
        last_line({"typo": 1})
