"""All checks in a row, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from room_server.config import Settings
from room_server.doctor import machine, mail, network, relay
from room_server.doctor.finding import Finding, Status
from room_server.http.texts import texts

_MARKS = {Status.OK: "✓", Status.WARN: "!", Status.FAIL: "✗"}


def examine(settings: Settings) -> list[Finding]:
    """Run every check."""
    return [
        network.http_port(settings),
        network.udp_port(settings),
        network.tcp_port(settings),
        *network.advertised(settings),
        *relay.servers(settings),
        mail.server(settings),
        machine.clock(),
        machine.disk(settings),
        machine.database(settings),
        machine.codecs(),
        network.certificate(settings),
    ]


def worst(findings: Iterable[Finding]) -> Status:
    order = list(Status)
    return max((finding.status for finding in findings), key=order.index, default=Status.OK)


def as_json(findings: Sequence[Finding], language: str) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "status": worst(findings).value,
        "checks": [
            {
                "check": finding.check,
                "status": finding.status.value,
                "outcome": finding.outcome,
                "text": text(finding, language),
                **({"facts": finding.facts} if finding.facts else {}),
            }
            for finding in findings
        ],
    }


def as_text(findings: Sequence[Finding], language: str) -> str:
    """Return one line a check."""
    return "".join(f"{_MARKS[finding.status]} {text(finding, language)}\n" for finding in findings)


def text(finding: Finding, language: str) -> str:
    """Return what was found and, unless it is ok, what to do."""
    return texts().page(finding.text_key, language, **finding.facts)
