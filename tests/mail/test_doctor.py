"""What `room-server doctor` finds of the mail server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from room_server.config import load
from room_server.doctor import mail
from room_server.doctor.command import text
from room_server.doctor.finding import Finding, Status
from tests.kit.smtp import smtp_server

SENDER = "rooms@example.org"


async def examined(folder: Path, url: str) -> Finding:
    settings = load(data_dir=folder, smtp_url=url, mail_from=SENDER, smtp_timeout_s=5)
    return await asyncio.to_thread(mail.server, settings)


def test_without_a_mail_server_it_says_that_mail_waits(tmp_path: Path) -> None:
    finding = mail.server(load(data_dir=tmp_path))
    assert (finding.status, finding.outcome) == (Status.WARN, "none")
    assert "ROOM_SMTP_URL" in text(finding, "fr")


async def test_a_server_that_takes_our_mail_is_well(tmp_path: Path) -> None:
    async with smtp_server(logins={"ann": "word"}) as server:
        finding = await examined(tmp_path, f"smtp://ann:word@127.0.0.1:{server.port}")
    assert (finding.status, finding.facts) == (Status.OK, {"server": f"127.0.0.1:{server.port}"})
    assert server.received == []


async def test_a_server_that_refuses_us_or_is_not_there_fails_and_no_password_is_told(tmp_path: Path) -> None:
    async with smtp_server(logins={"ann": "word"}) as server:
        refused = await examined(tmp_path, f"smtp://ann:hunter2@127.0.0.1:{server.port}")
        no_tls = await examined(tmp_path, f"smtp://ann:hunter2@127.0.0.1:{server.port}?starttls=required")
    away = await examined(tmp_path, f"smtp://ann:hunter2@127.0.0.1:{server.port}")
    for finding in (refused, no_tls, away):
        assert (finding.status, finding.outcome) == (Status.FAIL, "unreachable")
        for language in ("en", "fr"):
            assert "hunter2" not in text(finding, language)
    assert "535" in text(refused, "en")


@pytest.mark.parametrize("field", ["smtp_url", "mail_from"])
def test_one_setting_without_the_other_is_refused(field: str, tmp_path: Path) -> None:
    given = {"smtp_url": "smtp://127.0.0.1", "mail_from": SENDER}
    with pytest.raises(ValueError, match="come together"):
        load(data_dir=tmp_path, **{field: given[field]})
