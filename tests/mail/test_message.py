"""What may be a mail: addresses in every form, and nothing that could begin a header of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_server.errors import Refused
from room_server.mail.message import HEADERS, Address, Attachment, Message, cleaned

ANN = Address("ann@example.org", "Ann")

LEGAL = {
    "simple@example.org": "simple@example.org",
    "very.common@example.org": "very.common@example.org",
    "x@example.org": "x@example.org",
    "tag+filter@example.org": "tag+filter@example.org",
    "o'hara@example.org": "o'hara@example.org",
    "!#$%&'*+-/=?^_`{|}~@example.org": "!#$%&'*+-/=?^_`{|}~@example.org",
    "first.last@sub.domain.example.org": "first.last@sub.domain.example.org",
    "UPPER@EXAMPLE.ORG": "UPPER@example.org",
    "  around@example.org ": "around@example.org",
    "1234567890@example.org": "1234567890@example.org",
    "_@example.org": "_@example.org",
    "a@one-two.example.museum": "a@one-two.example.museum",
    '"john doe"@example.org': '"john doe"@example.org',
    '"plain"@example.org': "plain@example.org",
    "camille@exämple.org": "camille@exämple.org",
    "camille@xn--exmple-cua.org": "camille@exämple.org",
    "用户@例子.广告": "用户@例子.广告",
    "hélène@example.org": "hélène@example.org",
    "he\u0301le\u0300ne@example.org": "hélène@example.org",
    f"{'a' * 64}@example.org": f"{'a' * 64}@example.org",
}
ILLEGAL = [
    "",
    "@",
    "plain",
    "@example.org",
    "ann@",
    "ann@@example.org",
    "ann@bob@example.org",
    ".ann@example.org",
    "ann.@example.org",
    "an..n@example.org",
    "ann bob@example.org",
    "ann@example",
    "ann@example..org",
    "ann@.example.org",
    "ann@example.org.",
    "ann@-example.org",
    "ann@example-.org",
    "ann@exam_ple.org",
    "ann@localhost",
    "ann@[127.0.0.1]",
    "ann@[IPv6:::1]",
    "Ann <ann@example.org>",
    "<ann@example.org>",
    "ann@example.org,bob@example.org",
    "ann@example.org;bob@example.org",
    "mailto:ann@example.org@",
    "ann@exa mple.org",
    "ann@example.org\r\nBcc: all@example.org",
    "ann\r\n@example.org",
    "ann\x00@example.org",
    '"ann\r\nBcc: x"@example.org',
    f"{'a' * 65}@example.org",
    f"ann@{'a' * 64}.org",
    f"ann@{'a.' * 130}org",
    "ann@example.org/../x",
    "(comment)ann@example.org",
    "\u202eann@example.org",
]


@pytest.mark.parametrize(("typed", "kept"), LEGAL.items())
def test_a_legal_address_is_taken_in_its_normal_form(typed: str, kept: str) -> None:
    assert Address(typed).email == kept


@pytest.mark.parametrize("typed", ILLEGAL)
def test_an_illegal_address_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        Address(typed)
    assert (refused.value.code, refused.value.status) == ("address_invalid", 422)
    assert not refused.value.facts, "an address is never repeated"


def test_only_what_stands_before_the_at_sign_may_need_smtputf8() -> None:
    assert Address("hélène@example.org").needs_utf8
    assert not Address("helene@exämple.org").needs_utf8
    assert Address("helene@exämple.org").on_the_wire == "helene@xn--exmple-cua.org"


@pytest.mark.parametrize(
    "name", ["Bob\r\nBcc: all@example.org", "Bob\nBcc: all@example.org", "Bob\u2028Bcc:\x85x"]
)
def test_a_name_cannot_begin_a_header(name: str) -> None:
    assert "Bcc:" in Address("bob@example.org", name).name
    assert Address("bob@example.org", name).name.isprintable()


@settings(deadline=None)
@given(st.text())
def test_whatever_is_typed_as_a_name_or_a_subject_stays_on_one_line(typed: str) -> None:
    assert len(cleaned(typed).splitlines()) <= 1
    assert not any(ord(character) < 32 or ord(character) == 127 for character in cleaned(typed))
    assert cleaned(cleaned(typed)) == cleaned(typed)


def test_words_of_every_script_are_left_as_they_are() -> None:
    for words in ("Séance « en direct » — n° 3", "مرحبا بكم", "שלום", "日本語", "👩‍🏫 Cours"):
        assert cleaned(words) == words


def test_a_name_cannot_turn_the_direction_of_what_follows() -> None:
    assert cleaned("Bob\u202egro.elpmaxe") == "Bob gro.elpmaxe"


def test_a_subject_of_nothing_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        Message(to=ANN, language="en", subject="\r\n", text="Hello", kind="test")
    assert refused.value.facts == {"field": "subject"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Bcc", "all@example.org"),
        ("reply-to", "x@example.org"),
        ("Reply-To", "a@example.org\r\nBcc: b@example.org"),
        ("List-Unsubscribe", "<https://exämple.org>"),
        ("List-Unsubscribe", f"<https://example.org/{'a' * 900}>"),
    ],
)
def test_a_header_that_is_not_of_the_list_or_not_on_one_line_is_refused(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        Message(to=ANN, language="en", subject="Hello", text="Hello", kind="test", headers={name: value})
    assert refused.value.facts == {"field": "headers"}


def test_the_headers_of_the_list_are_taken() -> None:
    headers = dict.fromkeys(HEADERS, "<https://example.org/x>")
    message = Message(to=ANN, language="en", subject="Hello", text="Hello", kind="test", headers=headers)
    assert message.headers == headers


def test_attachments_have_a_bound_and_names_on_one_line() -> None:
    with pytest.raises(Refused):
        Attachment("a\r\nb.ics", "text/calendar", b"")
    with pytest.raises(Refused):
        Attachment("a.ics", "text/calendar\r\nX: y", b"")
    large = Attachment("a.bin", "application/octet-stream", b"x" * 1_048_577)
    with pytest.raises(Refused) as refused:
        Message(to=ANN, language="en", subject="Hello", text="Hello", kind="test", attachments=(large,))
    assert refused.value.facts == {"field": "attachments"}


def test_what_is_logged_of_a_message_names_nobody() -> None:
    message = Message(to=ANN, language="en", subject="Hello", text="secret words", kind="test")
    assert "ann@" not in repr(message)
    assert "secret" not in repr(message)
