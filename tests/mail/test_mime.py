"""A message on the wire: whatever was typed, it is one mail to one person, and reads as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from room_server.ids import MailId
from room_server.mail.message import Address, Message, cleaned
from room_server.mail.mime import encoded
from room_server.mail.store import Mail, MailState
from tests.mail.post import SENDER, to

AT = datetime(2026, 12, 3, 13, 0, tzinfo=UTC)
TEXT = st.text(max_size=400)


def wire(message: Message) -> bytes:
    mail = Mail(
        mail_id=MailId("m"),
        message=message,
        message_id="<m@rooms.example.org>",
        key=None,
        group=None,
        state=MailState.WAITING,
        attempts=0,
        answer=None,
        due_at=AT,
        created_at=AT,
        handed_at=None,
        sent_at=None,
        cancelled_at=None,
    )
    return encoded(mail, SENDER)


def read(message: Message) -> EmailMessage:
    return message_from_bytes(wire(message), policy=policy.default)


@settings(deadline=None)
@given(name=TEXT, subject=TEXT, text=TEXT, html=st.none() | TEXT)
def test_whatever_is_typed_makes_one_mail_to_one_person(
    name: str, subject: str, text: str, html: str | None
) -> None:
    assume(cleaned(subject))
    sent = wire(to("bob@example.org", name, subject=subject, text=text, html=html))
    assert sent.isascii()
    head = sent.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in sent.split(b"\r\n"))
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line[:1].isspace()]
    assert len(names) == len(set(names))
    assert set(names) <= {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version"),
        *(b"Content-Type", b"Content-Transfer-Encoding", b"Content-Language"),
    }
    found = message_from_bytes(sent, policy=policy.default)
    assert [one.addr_spec for one in found["To"].addresses] == ["bob@example.org"]


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=2_000))
def test_a_text_reads_as_it_was_written(text: str) -> None:
    body = read(to("bob@example.org", text=text)).get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


def test_a_long_address_to_unsubscribe_at_stays_whole() -> None:
    url = f"<https://rooms.example.org/unsubscribe/{'a' * 300}>"
    sent = wire(to("bob@example.org", headers={"List-Unsubscribe": url}))
    assert f"\r\nList-Unsubscribe: {url}\r\n".encode() in sent


def test_the_same_mail_is_the_same_head_each_time() -> None:
    message = to("bob@example.org", "Bob", subject="Réunion")
    assert wire(message) == wire(message)


def test_what_no_program_shows_is_left_out_of_a_text() -> None:
    assert to("bob@example.org", text="a\x00b\r\nc\rd\te\ud800").text == "ab\nc\nd\te"


def test_a_quoted_address_is_quoted_once() -> None:
    assert Address('"john doe"@example.org').on_the_wire in wire(to('"john doe"@example.org')).decode()
