"""The chat log on the page of a host's link, and nowhere else."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta

import pytest

from room_server.access.rules import Link, Role
from room_server.events.rules import ChatMode, Session, SessionState
from room_server.ids import MessageId, PersonId
from room_server.room import store
from room_server.room.chat import Message, MessageState
from room_server.room.routes import MOST_ON_THE_PAGE
from tests.kit.server import Reply, ServerUnderTest

SECRET = "What of the refunds? <b>4711</b>"
FRENCH = {"Accept-Language": "fr"}


async def over(
    server: ServerUnderTest,
    messages: int = 1,
    mode: ChatMode = ChatMode.REPLY_LATER,
    time_zone: str = "Europe/Paris",
) -> Session:
    """A session that collected messages and is over."""
    session = await server.session(chat_mode=mode, time_zone=time_zone)
    running = server.running
    async with running.database.transaction() as tx:
        await running.events.set_state(tx, session.session_id, SessionState.ON_AIR)
        for number in range(messages):
            message = Message(
                *(MessageId(f"m{number:04}"), PersonId("ann"), "Ann <i>", False, f"{SECRET} {number}"),
                *(MessageState.HELD, tx.now, mode),
            )
            await store.add_message(tx, session.session_id, f"k{number}", message)
        await running.events.set_state(tx, session.session_id, SessionState.ENDED)
    return session


async def page(server: ServerUnderTest, link: Link, **kind: object) -> Reply:
    return await server.ask("GET", f"/a/{server.token(link)}", **kind)


async def file(server: ServerUnderTest, link: Link, **kind: object) -> Reply:
    return await server.ask("GET", f"/a/{server.token(link)}/chat-log.csv", **kind)


async def test_a_host_reads_what_was_collected_once_the_session_is_over(server: ServerUnderTest) -> None:
    """AUT-30: who, when, where in the session, what."""
    host = await server.link(await over(server), Role.HOST)
    shown = await page(server, host)
    assert shown.status == 410
    assert '<section class="chat-log" aria-labelledby="log-title"' in shown.text
    assert re.search(r'<h2 id="log-title">Chat log</h2>', shown.text)
    assert "Ann &lt;i&gt;" in shown.text
    assert "What of the refunds? &lt;b&gt;4711&lt;/b&gt; 0" in shown.text
    assert "0:00:00 into the session" in shown.text
    assert re.search(r'<time [^>]*datetime="\d{4}-', shown.text)
    assert f'href="/a/{server.token(host)}/chat-log.csv"' in shown.text
    assert "4711" not in re.findall(r'id="page">(.*?)</script>', shown.text, re.DOTALL)[0]

    french = await page(server, host, headers=FRENCH)
    assert "Journal du chat" in french.text
    assert "à 0:00:00 du début" in french.text
    assert "Gardé pour vous" in french.text


async def test_the_file_opens_in_a_spreadsheet(server: ServerUnderTest) -> None:
    host = await server.link(await over(server, 3), Role.HOST)
    sent = await file(server, host, headers=FRENCH)
    assert sent.status == 200
    assert sent.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert sent.headers["Content-Disposition"].startswith('attachment; filename="chat-log-')
    assert sent.headers["Cache-Control"] == "no-store"
    assert sent.text.startswith("\ufeffHeure,Position,Auteur")
    rows = list(csv.DictReader(io.StringIO(sent.text[1:])))
    assert [row["Message"] for row in rows] == [f"{SECRET} {number}" for number in range(3)]


@pytest.mark.parametrize(
    ("zone", "language", "words"),
    [
        ("Europe/London", "en", "Times are those of London."),
        ("Europe/London", "fr", "Les heures sont celles de Londres."),
        ("UTC", "en", "Times are those of UTC."),
    ],
)
async def test_the_log_names_the_zone_of_its_times(
    server: ServerUnderTest, zone: str, language: str, words: str
) -> None:
    host = await server.link(await over(server, time_zone=zone), Role.HOST)
    assert words in (await page(server, host, headers={"Accept-Language": language})).text


async def test_the_times_of_the_file_have_their_offset(server: ServerUnderTest) -> None:
    """Asia/Kolkata has one all year, and no whole hours."""
    session = await over(server, time_zone="Asia/Kolkata")
    sent = await file(server, await server.link(session, Role.HOST))
    (row,) = csv.DictReader(io.StringIO(sent.text[1:]))
    at = datetime.fromisoformat(row["Time"])
    assert at.utcoffset() == timedelta(hours=5, minutes=30)
    async with server.running.database.reading() as reading:
        (message,) = await store.all_messages(reading, session.session_id)
    assert at == message.sent_at.replace(microsecond=0)


async def test_an_empty_log_says_so(server: ServerUnderTest) -> None:
    host = await server.link(await over(server, 0), Role.HOST)
    assert "Nobody wrote in the chat of this session." in (await page(server, host)).text


async def test_without_chat_there_is_no_log(server: ServerUnderTest) -> None:
    """AUT-27."""
    host = await server.link(await over(server, 0, ChatMode.NONE), Role.HOST)
    assert "log-title" not in (await page(server, host)).text
    assert (await file(server, host)).status == 404


async def test_a_long_log_is_whole_in_the_file(server: ServerUnderTest) -> None:
    host = await server.link(await over(server, MOST_ON_THE_PAGE + 2), Role.HOST)
    shown, sent = await page(server, host), await file(server, host)
    assert shown.text.count('<p class="log-text"') == MOST_ON_THE_PAGE
    assert "2 more messages are in the file." in shown.text
    assert sent.text.count("4711") == MOST_ON_THE_PAGE + 2


@pytest.mark.parametrize("role", [Role.PARTICIPANT, Role.MODERATOR])
async def test_no_other_link_gets_a_byte_of_it(server: ServerUnderTest, role: Role) -> None:
    """AUT-30: never participants."""
    session = await over(server)
    link = await server.link(session, role)
    for reply in (await page(server, link), await file(server, link)):
        assert "4711" not in reply.text
        assert "log-title" not in reply.text
        assert "chat-log" not in reply.text.replace(f"{server.token(link)}/chat-log.csv", "")
    assert (await file(server, link)).body["code"] == "unknown_link"


async def test_nobody_gets_it_without_a_link_or_by_one_that_was_revoked(server: ServerUnderTest) -> None:
    host = await server.link(await over(server), Role.HOST)
    assert (await server.ask("GET", "/a/nobody-has-this/chat-log.csv")).body["code"] == "unknown_link"
    await server.running.access.revoke(host.link_id)
    for reply in (await page(server, host), await file(server, host)):
        assert "4711" not in reply.text


async def test_there_is_none_while_the_session_runs(server: ServerUnderTest) -> None:
    session = await server.session(chat_mode=ChatMode.REPLY_LATER)
    host = await server.link(session, Role.HOST)
    assert "log-title" not in (await page(server, host)).text
    assert (await file(server, host)).status == 404
