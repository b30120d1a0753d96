"""What a check found: ok, warn or fail, with its facts; the catalogue words it and says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` and `outcome` name the sentence `doctor.<check>.<outcome>` of the catalogue."""

    check: str
    status: Status
    outcome: str
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def text_key(self) -> str:
        return f"doctor.{self.check}.{self.outcome}"


def ok(check: str, outcome: str = "ok", **facts: object) -> Finding:
    return Finding(check, Status.OK, outcome, facts)


def warn(check: str, outcome: str, **facts: object) -> Finding:
    return Finding(check, Status.WARN, outcome, facts)


def fail(check: str, outcome: str, **facts: object) -> Finding:
    return Finding(check, Status.FAIL, outcome, facts)
