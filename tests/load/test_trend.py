"""What grows is found, what breathes is not."""

from __future__ import annotations

import dataclasses

from tests.load.trend import Sample, Verdict, judge

BEFORE = Sample(at_s=0, joins=0, rss_kb=100_000, threads=8, descriptors=40)
AFTER = Sample(at_s=650, joins=12_000, rss_kb=130_000, threads=8, descriptors=40)


def soaked(kb_per_join: float, after: Sample = AFTER, failed: int = 0) -> Verdict:
    """Ten minutes at twenty joins a second, after a warm-up of 30 MB."""
    samples = [
        Sample(5.0 * n, 100 * n, round(130_000 + kb_per_join * 100 * n + 700 * (n % 3)), 8, 240)
        for n in range(120)
    ]
    return judge(BEFORE, samples, after, failed=failed)


def test_memory_that_breathes_is_flat() -> None:
    verdict = soaked(0.0)
    assert verdict.flat
    assert verdict.lines()[-1] == "✓ flat"


def test_a_leak_of_two_kilobytes_a_join_shows() -> None:
    verdict = soaked(2.0)
    assert not verdict.flat
    assert verdict.bytes_per_join is not None
    assert abs(verdict.bytes_per_join - 2_048) < 100
    assert any("memory grew" in line for line in verdict.lines())


def test_growth_of_the_warm_up_is_not_judged() -> None:
    samples = [Sample(5.0 * n, 100 * n, 100_000 + min(n, 30) * 2_000, 8, 240) for n in range(120)]
    assert judge(BEFORE, samples, AFTER, failed=0).flat


def test_threads_and_descriptors_left_over_show() -> None:
    left = dataclasses.replace(AFTER, threads=20, descriptors=400)
    assert soaked(0.0, after=left).faults == (
        "12 threads were left over",
        "360 descriptors were left over",
    )


def test_one_join_in_a_hundred_may_fail() -> None:
    assert soaked(0.0, failed=100).flat
    assert soaked(0.0, failed=500).faults == ("500 of 12500 joins failed",)


def test_a_soak_without_joins_or_without_samples_is_never_flat() -> None:
    nobody = dataclasses.replace(AFTER, joins=0)
    assert not soaked(0.0, after=nobody).flat
    assert judge(BEFORE, [AFTER] * 3, AFTER, failed=0).faults == ("too short to tell whether memory grows",)
