"""Whether a server grew: memory while it works, threads and descriptors when all have left.

    warm-up (first quarter) │ second quarter … last quarter │ all have left
          not judged        │   median against median       │ as before

Invariant: a verdict needs samples of both quarters; without them it is never flat.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.load.figures import Json

#: Allocators and caches breathe: that much growth between the quarters is no leak.
BREATH_PART = 0.03
BREATH_KB = 4_096
#: A thread or descriptor more than before may be a pool's that came to life.
SPARE = 4
FAILED_PART = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment; `joins` are those done by then."""

    at_s: float
    joins: int
    rss_kb: int
    threads: int
    descriptors: int

    def __str__(self) -> str:
        return (
            f"{self.at_s:.0f} s, {self.joins} joins: {self.rss_kb / 1_024:.1f} MB, {self.threads} threads, "
            f"{self.descriptors} descriptors"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`grown_kb` is between the quarters, for `over_joins` joins; what is wrong is in `faults`."""

    joins: int
    failed: int
    grown_kb: int | None
    over_joins: int
    before: Sample
    after: Sample
    faults: tuple[str, ...]

    @property
    def flat(self) -> bool:
        return not self.faults

    @property
    def bytes_per_join(self) -> int | None:
        if self.grown_kb is None or self.over_joins == 0:
            return None
        return round(self.grown_kb * 1_024 / self.over_joins)

    def lines(self) -> Sequence[str]:
        """The verdict for a person."""
        return (
            f"{self.joins} joins, {self.failed} failed",
            f"memory: {self.grown_kb} kB more in the last quarter than in the second: "
            f"{self.bytes_per_join} bytes a join",
            f"threads: {self.before.threads} before, {self.after.threads} after",
            f"descriptors: {self.before.descriptors} before, {self.after.descriptors} after",
            *(f"✗ {fault}" for fault in self.faults),
            *(("✓ flat",) if self.flat else ()),
        )

    def to_json(self) -> Json:
        return {
            "joins": self.joins,
            "failed": self.failed,
            "grown_kb": self.grown_kb,
            "bytes_per_join": self.bytes_per_join,
            "threads": {"before": self.before.threads, "after": self.after.threads},
            "descriptors": {"before": self.before.descriptors, "after": self.after.descriptors},
            "flat": self.flat,
            "faults": self.faults,
        }


def judge(before: Sample, samples: Sequence[Sample], after: Sample, *, failed: int) -> Verdict:
    """`samples` were taken at even distances while people came and went, in order."""
    second, last = _quarters(samples)
    grown_kb = over_joins = None
    faults = []
    if second and last:
        level = statistics.median(sample.rss_kb for sample in second)
        grown_kb = round(statistics.median(sample.rss_kb for sample in last) - level)
        over_joins = round(
            statistics.mean(sample.joins for sample in last)
            - statistics.mean(sample.joins for sample in second)
        )
        if grown_kb > max(BREATH_KB, level * BREATH_PART):
            faults.append(f"memory grew by {grown_kb} kB over {over_joins} joins")
    else:
        faults.append("too short to tell whether memory grows")
    if after.threads > before.threads + SPARE:
        faults.append(f"{after.threads - before.threads} threads were left over")
    if after.descriptors > before.descriptors + SPARE:
        faults.append(f"{after.descriptors - before.descriptors} descriptors were left over")
    if after.joins == 0 or failed > (after.joins + failed) * FAILED_PART:
        faults.append(f"{failed} of {after.joins + failed} joins failed")
    return Verdict(after.joins, failed, grown_kb, over_joins or 0, before, after, tuple(faults))


def _quarters(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The second and the last quarter."""
    quarter = len(samples) // 4
    return (samples[quarter : 2 * quarter], samples[len(samples) - quarter :]) if quarter else ((), ())
