"""Rules without a database: addresses, names, roles, the way on."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_server.accounts import addresses, rules
from room_server.accounts.rules import Role, SignIn
from room_server.accounts.tokens import FormTokens
from room_server.errors import Refused
from room_server.ids import AccountId, SignInId

NOW = datetime(2026, 12, 3, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "email", "key"),
    [
        ("zoe@example.org", "zoe@example.org", "zoe@example.org"),
        ("  Zoe@EXAMPLE.org\n", "Zoe@example.org", "zoe@example.org"),
        ("o'neil+news@example.org", "o'neil+news@example.org", "o'neil+news@example.org"),
        (
            "!#$%&'*+/=?^_`{|}~-@example.org",
            "!#$%&'*+/=?^_`{|}~-@example.org",
            "!#$%&'*+/=?^_`{|}~-@example.org",
        ),
        ("zoé@exämple.fr", "zoé@exämple.fr", "zoé@xn--exmple-cua.fr"),
        ("a@xn--exmple-cua.fr", "a@exämple.fr", "a@xn--exmple-cua.fr"),
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
    ],
)
def test_legal_addresses_are_one_persons_however_they_are_written(written: str, email: str, key: str) -> None:
    assert addresses.address(written) == addresses.Address(email, key)


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "zoe", "zoe@", "@example.org", "zoe@example", "zoe@@example.org", "a@b@example.org"),
        *("a b@example.org", "a..b@example.org", ".a@example.org", "a.@example.org", "a@-example.org"),
        *("a@example..org", "a@example.org.", "a@[127.0.0.1]", "a@localhost", "Zoé <zoe@example.org>"),
        *("a@example.org\r\nBcc: b@example.org", "a\r\n@example.org", "a@exam\x00ple.org", "a,b@example.org"),
        *(f"{'a' * 65}@example.org", f"a@{'b' * 64}.org", f"a@{'b.' * 130}org", "mailto:a@example.org"),
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="address_invalid"):
        addresses.address(written)


@given(st.text(max_size=150))
def test_a_name_that_is_kept_is_one_line_without_controls(text: str) -> None:
    with suppress(Refused):
        kept = rules.name(text)
        assert 0 < len(kept) <= rules.LONGEST_NAME
        assert kept == " ".join(kept.split())
        assert all(char.isprintable() or char == " " or not char.isascii() for char in kept)
        assert rules.name(kept) == kept


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
        ),
        *("/\tevil", "/ evil", "///evil.example", "", "workspaces", "/a\r\nSet-Cookie: x=y", "/é", None),
        *("http:/evil.example", "/" + "x" * 500),
    ],
)
def test_nobody_is_sent_to_another_site(path: str | None) -> None:
    assert rules.local_path(path, "/workspaces") == "/workspaces"


@pytest.mark.parametrize("path", ["/account", "/workspaces/w1/team?tab=2", "/a%20b", "/?next=//evil"])
def test_one_goes_on_to_where_one_wanted(path: str) -> None:
    assert rules.local_path(path, "/workspaces") == path


def test_roles_include_those_before_them() -> None:
    assert [[one.includes(other) for other in Role] for one in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@given(st.sampled_from(Role), st.sampled_from(Role), st.sampled_from(Role), st.integers(1, 3))
def test_nobody_gives_or_takes_a_role_above_their_own(actor: Role, of: Role, to: Role, owners: int) -> None:
    with suppress(Refused):
        rules.check_change(actor, of, to, owners)
        assert actor.includes(Role.ADMIN)
        assert actor.includes(of)
        assert actor.includes(to)
        assert owners > 1 or of is not Role.OWNER or to is Role.OWNER


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_sign_in_holds_by_the_clock_as_it_shows(passed: timedelta) -> None:
    made = SignIn(SignInId("s"), AccountId("a"), "", NOW, NOW, NOW + rules.SIGN_IN_LASTS)
    assert rules.holds(made, NOW + passed) is (passed < rules.IDLE_LASTS)


def test_a_word_of_a_form_is_of_one_browser() -> None:
    words = FormTokens(b"a secret")
    assert words.matches("cookie", words.of("cookie"))
    assert not words.matches("other", words.of("cookie"))
    assert not words.matches("", words.of(""))
    assert not words.matches("cookie", "é")
    assert not FormTokens(b"another").matches("cookie", words.of("cookie"))
