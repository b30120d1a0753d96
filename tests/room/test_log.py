"""The chat log: its rules, its file, and who gets it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from room_server.access.rules import PageState, Role
from room_server.access.service import LinkView
from room_server.events.rules import ChatMode, SessionState
from room_server.ids import MessageId, PersonId
from room_server.room.chat import Message, MessageState
from room_server.room.log import ChatLog, ChatLogs, as_csv, entries, position
from tests.room.people import NOON
from tests.room.world import World


def written(text: str, after_s: float = 0, *, author: str = "Ann", by_team: bool = False) -> Message:
    at = NOON + timedelta(seconds=after_s)
    author_id = PersonId(author)
    state, mode = MessageState.HELD, ChatMode.MODERATED
    return Message(MessageId(text), author_id, author, by_team, text, state, at, mode)


def test_a_message_stands_where_the_session_was() -> None:
    """AUT-30."""
    messages = [written(str(after_s), after_s) for after_s in (-1, 0, 724.9, 36_000)]
    assert [position(entry) for entry in entries(messages, NOON)] == ["", "0:00:00", "0:12:04", "10:00:00"]
    assert [position(entry) for entry in entries(messages, None)] == [""] * 4


async def rows(here: World, messages: list[Message]) -> list[list[str]]:
    log = ChatLog(await here.session(), entries(messages, NOON))
    text = as_csv(log, lambda key: key)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


async def test_the_file_says_who_wrote_what_and_when_in_the_sessions_zone(here: World) -> None:
    found = await rows(here, [written('Why "so"?\nOr, when', 61), written("Soon", 90, by_team=True)])
    assert found == [
        [f"log.column.{name}" for name in ("at", "position", "author", "role", "state", "text")],
        [
            "2026-03-04T13:01:01+01:00",
            "0:01:01",
            "Ann",
            "log.participant",
            "log.state.held",
            'Why "so"?\nOr, when',
        ],
        ["2026-03-04T13:01:30+01:00", "0:01:30", "Ann", "log.team", "log.state.held", "Soon"],
    ]


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\n=1", "\r=1", "＝1"])
async def test_no_spreadsheet_calculates_what_somebody_wrote(here: World, formula: str) -> None:
    _, row = await rows(here, [written(formula, author=formula)])
    assert (row[2], row[5]) == (f"'{formula}", f"'{formula}")


async def test_ordinary_words_stay_as_they_are(here: World) -> None:
    _, row = await rows(here, [written("a = b, 'c' - d @ e")])
    assert row[5] == "a = b, 'c' - d @ e"


async def over(here: World, mode: ChatMode, role: Role, *texts: str) -> ChatLog | None:
    """Let a participant write, end the session, and read the log by a link of `role`."""
    session = await here.session(mode=mode)
    ann = await here.join(session.session_id, "Ann")
    for text in texts:
        await here.rooms.talking.post(ann, text, text)
        here.clock.advance(1)
    async with here.db.transaction() as tx:
        await here.events.set_state(tx, session.session_id, SessionState.CANCELLED)
    link = await here.access.issue_link(session.session_id, "Reader", role, "en")
    return await ChatLogs(here.db).of(await here.access.view(here.access.token(link)))


async def test_what_was_collected_is_in_the_log(here: World) -> None:
    """AUT-30: answered later."""
    log = await over(here, ChatMode.REPLY_LATER, Role.HOST, "one", "two")
    assert log is not None
    assert [entry.message.text for entry in log.entries] == ["one", "two"]
    assert {entry.message.state for entry in log.entries} == {MessageState.HELD}


async def test_without_chat_there_is_no_log_and_with_one_there_may_be_an_empty_one(here: World) -> None:
    """AUT-27."""
    assert await over(here, ChatMode.NONE, Role.HOST) is None
    empty = await over(here, ChatMode.REPLY_LATER, Role.HOST)
    assert empty is not None
    assert empty.entries == ()


@pytest.mark.parametrize("role", [Role.PARTICIPANT, Role.MODERATOR])
async def test_hosts_alone_get_it(here: World, role: Role) -> None:
    assert await over(here, ChatMode.REPLY_LATER, role, "one") is None


@pytest.mark.parametrize("state", [state for state in PageState if state not in ("over", "cancelled")])
async def test_nobody_gets_it_before_the_end_or_by_a_link_that_ended(here: World, state: PageState) -> None:
    session = await here.session()
    link = await here.access.issue_link(session.session_id, "Hal", Role.HOST, "en")
    assert await ChatLogs(here.db).of(LinkView(state, link, session)) is None
