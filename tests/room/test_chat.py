"""Chat rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_server.errors import Refused
from room_server.events.rules import ChatMode
from room_server.ids import MessageId
from room_server.room.chat import (
    HISTORY_MESSAGES,
    MAX_TEXT_CHARS,
    ChatLog,
    Message,
    MessageState,
    approve,
    clean,
    is_visible,
    post,
    reject,
)
from tests.room.people import ANN, BOB, HAL, NOON, ZOE


def hello(mode: ChatMode, author: object = ANN, text: str = "Hello") -> Message:
    return post(mode, author, text, message_id=MessageId("m1"), now=NOON)  # type: ignore[arg-type]


def test_in_open_mode_a_message_is_published_at_once() -> None:
    """ROOM-6."""
    assert is_visible(hello(ChatMode.OPEN), BOB)


def test_a_moderated_message_waits_for_a_moderator() -> None:
    """ROOM-6, AUT-28."""
    held = hello(ChatMode.MODERATED)
    assert not is_visible(held, BOB)
    assert is_visible(held, ANN)
    assert is_visible(held, ZOE)

    assert is_visible(approve(held, ZOE), BOB)


def test_a_rejected_message_stays_unseen() -> None:
    assert not is_visible(reject(hello(ChatMode.MODERATED), ZOE), BOB)


def test_hosts_and_moderators_speak_without_moderation() -> None:
    for speaker in (HAL, ZOE):
        message = hello(ChatMode.MODERATED, speaker)
        assert message.state is MessageState.PUBLISHED
        assert message.by_team


def test_nobody_writes_while_the_chat_is_off() -> None:
    """AUT-27."""
    for author in (ANN, ZOE, HAL):
        with pytest.raises(Refused, match="chat_closed"):
            hello(ChatMode.NONE, author)


def test_collected_messages_stay_collected_whoever_approves() -> None:
    """AUT-30."""
    held = hello(ChatMode.REPLY_LATER)
    assert held.mode is ChatMode.REPLY_LATER
    assert not is_visible(held, BOB)
    with pytest.raises(Refused, match="chat_collecting"):
        approve(held, HAL)


def test_a_participant_neither_approves_nor_rejects() -> None:
    held = hello(ChatMode.MODERATED)
    with pytest.raises(Refused, match="not_allowed"):
        approve(held, ANN)
    with pytest.raises(Refused, match="not_allowed"):
        reject(held, BOB)


def test_a_message_is_decided_once() -> None:
    published = approve(hello(ChatMode.MODERATED), ZOE)
    with pytest.raises(Refused, match="already_decided"):
        reject(published, ZOE)


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n", "\u200b\u200b", "\x00\x07", "\u202e\u2066"])
def test_what_shows_nothing_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="text_empty"):
        clean(text)


def test_control_and_reordering_characters_are_taken_out() -> None:
    assert clean("a\x00b\x1b[31m\u202ec\r\nd\te ") == "ab[31mc\nd\te"


def test_markup_is_text_and_emoji_stay_whole() -> None:
    text = "<script>alert(1)</script> 👩‍🚀 é"
    assert clean(text) == text


def test_the_longest_text_passes_and_a_longer_one_does_not() -> None:
    assert len(clean("x" * MAX_TEXT_CHARS)) == MAX_TEXT_CHARS
    with pytest.raises(Refused, match="bad_request"):
        clean("x" * (MAX_TEXT_CHARS + 1))


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    try:
        once = clean(text)
    except Refused:
        return
    assert clean(once) == once
    once.encode()  # no lone surrogate is left


_states = st.sampled_from(list(MessageState))


@given(
    st.sampled_from(list(ChatMode)),
    st.sampled_from([ANN, BOB, ZOE, HAL]),
    st.lists(st.sampled_from(["approve", "reject"]), max_size=2),
)
def test_what_is_not_published_is_for_its_author_and_moderators(
    mode: ChatMode, author: object, decisions: list[str]
) -> None:
    """ROOM-6, whatever happens to a message."""
    try:
        message = hello(mode, author)
        for decision in decisions:
            message = approve(message, ZOE) if decision == "approve" else reject(message, ZOE)
    except Refused:
        return
    for reader in (ANN, BOB):
        if message.state is not MessageState.PUBLISHED and reader is not author:
            assert not is_visible(message, reader)
            log = ChatLog(mode).with_message(message).seen_by(reader)
            assert message not in (*log.held, *log.published)


def test_the_log_keeps_the_newest_in_the_order_they_were_sent() -> None:
    log = ChatLog(ChatMode.OPEN)
    for number in reversed(range(HISTORY_MESSAGES + 10)):
        sent_at = NOON + timedelta(seconds=number)
        log = log.with_message(
            replace(hello(ChatMode.OPEN), message_id=MessageId(f"m{number}"), sent_at=sent_at)
        )
    assert len(log.published) == HISTORY_MESSAGES
    assert log.published[0].message_id == "m10"
    assert log.published[-1].message_id == f"m{HISTORY_MESSAGES + 9}"


def test_an_approved_message_moves_to_its_place_in_time() -> None:
    held = hello(ChatMode.MODERATED)
    later = replace(hello(ChatMode.OPEN), message_id=MessageId("m2"), sent_at=NOON + timedelta(seconds=5))
    log = ChatLog(ChatMode.MODERATED).with_message(held).with_message(later)

    log = log.with_message(approve(held, ZOE))

    assert [message.message_id for message in log.published] == ["m1", "m2"]
    assert log.held == ()


def test_moderators_have_the_oldest_held_messages_before_them_and_an_author_their_own() -> None:
    log = ChatLog(ChatMode.MODERATED)
    first = hello(ChatMode.MODERATED)
    log = log.with_message(first)
    for number in range(HISTORY_MESSAGES):
        sent_at = NOON + timedelta(seconds=number + 1)
        log = log.with_message(replace(first, message_id=MessageId(f"m{number:03}"), sent_at=sent_at))
    bobs = replace(
        hello(ChatMode.MODERATED, BOB), message_id=MessageId("bobs"), sent_at=NOON + timedelta(days=1)
    )
    log = log.with_message(bobs)

    before = log.seen_by(ZOE).held
    assert (before[0], len(before)) == (first, HISTORY_MESSAGES)
    assert log.seen_by(BOB).held == (bobs,)

    decided = log.with_message(reject(first, ZOE))
    assert [one.message_id for one in decided.queued_since(log)] == [f"m{HISTORY_MESSAGES - 1:03}"]
    assert decided.seen_by(ZOE).held == (*before[1:], *decided.queued_since(log))
