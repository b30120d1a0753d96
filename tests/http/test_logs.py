"""Logs: one JSON object a line, without links, tickets and other secrets, whoever writes them."""

from __future__ import annotations

import io
import json
import logging
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text

from tests.kit.server import ServerUnderTest


async def test_no_secret_of_a_join_reaches_the_log(server: ServerUnderTest, log_text: io.StringIO) -> None:
    link = await server.open_link()
    token = server.token(link)
    ticket = (await server.join(link, "a-recognisable-device-key")).body["ticket"]
    await server.ask("GET", f"/a/{token}")
    await server.ask("GET", f"/a/{token}/elsewhere?token={token}")
    await server.ask("POST", "/api/join", data=f'{{"token": "{token}"')

    said = log_text.getvalue()
    assert said.count('"event": "request"') == 4
    assert "/a/{token}" in said
    for secret in (token, ticket, "a-recognisable-device-key"):
        assert secret not in said


@pytest.mark.parametrize(
    "text",
    [
        "GET /a/s3cret HTTP/1.1",
        "https://room.test/a/s3cret?lang=fr",
        '{"token": "s3cret", "take_over": false}',
        "ticket=s3cret&other=1",
        "Authorization: Bearer s3cret",
        "POST /api/whep/s3cret",
        "{'device_key': 's3cret'}",
    ],
)
def test_a_secret_is_hidden_also_in_the_words_of_libraries(
    text: str, log_lines: list[dict[str, Any]]
) -> None:
    logging.getLogger("aiohttp.server").warning("cannot read %s", text)
    structlog.get_logger("ours").warning("cannot read", what=text, parts=[text], nested={"token": "s3cret"})
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("library").exception("failed")

    lines = list(log_lines)
    assert len(lines) == 3
    assert "s3cret" not in json.dumps(lines)
    assert all("redacted" in json.dumps(line) for line in lines)


def test_fields_with_secret_names_are_hidden_and_others_kept(log_lines: list[dict[str, Any]]) -> None:
    structlog.get_logger("ours").info(
        "joined", name="Camille", ticket="t", room="r", count=3, ok=True, none=None
    )
    (line,) = list(log_lines)
    assert (line["name"], line["ticket"]) == ("[redacted]", "[redacted]")
    assert (line["room"], line["count"], line["ok"], line["none"]) == ("r", 3, True, None)
    assert line["timestamp"].endswith("Z")


async def test_what_people_wrote_is_not_in_the_words_of_the_database(
    server: ServerUnderTest, log_text: io.StringIO
) -> None:
    said = uuid4().hex  # a traceback shows the lines of this test too
    try:
        async with server.running.database.transaction() as tx:
            await tx.execute(text("INSERT INTO no_such_table VALUES (:said)"), {"said": said})
    except Exception:
        structlog.get_logger("ours").exception("failed")

    assert "no_such_table" in log_text.getvalue()
    assert said not in log_text.getvalue()
