"""The person in the claims: what is fit to be stored, shown and written to."""

from __future__ import annotations

import pytest

from room_server.accounts.oidc.identity import MAX_NAME_CHARS, Identity, identity
from room_server.accounts.oidc.tokens import Claims


def told(claims: Claims, id_claims: Claims | None = None) -> Identity:
    return identity("https://provider.example.org", "ada", claims, id_claims or {}, "a.b.c")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada Lovelace"}, "Ada Lovelace"),
        ({"name": "  Ada \n\t Lovelace "}, "Ada Lovelace"),
        ({"name": "Ada\u202eecalevoL\u0000"}, "Ada ecalevoL"),
        ({"name": "a" * 1_000}, "a" * MAX_NAME_CHARS),
        ({"name": "", "given_name": "Ada"}, "Ada"),
        ({"given_name": "Ada", "family_name": "Lovelace"}, "Ada Lovelace"),
        ({"given_name": "Ada", "family_name": "Byron", "usual_name": "Lovelace"}, "Ada Lovelace"),
        ({"usual_name": "Lovelace"}, "Lovelace"),
        ({"name": ["Ada"], "given_name": 1}, None),
        ({}, None),
    ],
)
def test_a_name_is_one_line_that_a_screen_shows(claims: Claims, name: str | None) -> None:
    assert told(claims).name == name


@pytest.mark.parametrize("email", ["ada@example.org", "ada+rooms@example.org", "a.d-a_'x@sub.example.org"])
def test_an_address_is_kept_as_it_came(email: str) -> None:
    identity = told({"email": email, "email_verified": True})
    assert (identity.email, identity.email_verified) == (email, True)


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org\r\nBcc: all@example.org",
        "ada@example.org ",
        "ada@one@two",
        "Ada <ada@example.org>",
        "ada@example.org,bob@example.org",
        "a" * 250 + "@example.org",
        "ada\u200b@example.org",
        "",
        1,
        ["ada@example.org"],
    ],
)
def test_an_address_that_is_none_is_left_out_and_never_verified(email: object) -> None:
    identity = told({"email": email, "email_verified": True})
    assert (identity.email, identity.email_verified) == (None, False)


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes", [True]])
def test_only_true_says_that_an_address_was_made_sure_of(verified: object) -> None:
    assert told({"email": "ada@example.org", "email_verified": verified}).email_verified is False


def test_the_token_fills_in_what_userinfo_leaves_out() -> None:
    identity = told({}, {"email": "ada@example.org", "email_verified": True, "name": "Ada"})
    assert (identity.email, identity.email_verified, identity.name) == ("ada@example.org", True, "Ada")
