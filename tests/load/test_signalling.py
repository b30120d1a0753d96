"""Deliveries are counted and timed by what attendees heard."""

from __future__ import annotations

import json

from tests.load.signalling import Chatted, Ear, stamped

CHATTED = Chatted(
    attendees=200,
    seconds=10.0,
    posted=100,
    deliveries=19_990,
    cpu_ns=1_999_000_000,
    delays_ms=(1.0, 2.0, 3.0, 40.0),
)


def test_what_somebody_should_have_had_and_had_not_is_lost() -> None:
    assert CHATTED.lost == 10


def test_the_price_is_cpu_time_by_deliveries() -> None:
    figures = CHATTED.to_json()
    assert figures["cpu_us_per_delivery"] == 100.0
    assert figures["events_per_s"] == 1_999
    assert figures["messages_per_s"] == 10.0
    assert figures["delay_ms"] == {"p50": 2.0, "p99": 40.0}


def test_without_deliveries_there_is_no_price() -> None:
    silent = Chatted(attendees=2, seconds=1.0, posted=1, deliveries=0, cpu_ns=1, delays_ms=())
    assert silent.to_json()["cpu_us_per_delivery"] is None
    assert silent.lost == 2


def test_an_ear_hears_the_bench_s_messages_and_nothing_else() -> None:
    ear = Ear()

    def notice(event: str, text: str) -> str:
        return f"42/room,{json.dumps([event, {'text': text}], separators=(',', ':'))}"

    ear.hear(notice("chat.message", stamped()))
    ear.hear(notice("chat.message", "hello"))
    ear.hear(notice("chat.held", stamped()))
    assert len(ear.delays_ms) == 1
    assert 0 <= ear.delays_ms[0] < 60_000
