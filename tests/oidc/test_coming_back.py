"""What a browser brings back, where it may be sent, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from multidict import MultiDict

from room_server.errors import Refused
from tests.oidc.liar import ACCESS_TOKEN, SECRET, Raw
from tests.oidc.real_provider import REDIRECT_URI
from tests.oidc.victim import Victim

Claims = dict[str, Any]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "sign_in_declined"),
        ("login_required", "sign_in_declined"),
        ("temporarily_unavailable", "provider_away"),
        ("server_error", "provider_away"),
        ("invalid_scope", "provider_unusable"),
        ("<script>alert(1)</script>", "provider_unusable"),
    ],
)
async def test_an_error_that_comes_back_is_put_into_words(victim: Victim, error: str, code: str) -> None:
    client = victim.client()
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    query = victim.liar.answer(started, code=None, error=error, error_description="<b>secret</b>")
    with pytest.raises(Refused) as raised:
        await client.finish(started, query, REDIRECT_URI)
    assert raised.value.code == code
    assert raised.value.facts.get("reason") in (None, "unnamed" if "<" in error else error)


@pytest.mark.parametrize("change", [{"code": None}, {"code": ""}, {"code": "a" * 5_000}, {"state": None}])
async def test_an_answer_that_lacks_something_is_stray(victim: Victim, change: Claims) -> None:
    client = victim.client()
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    with pytest.raises(Refused) as raised:
        await client.finish(started, victim.liar.answer(started, **change), REDIRECT_URI)
    assert raised.value.code == "sign_in_stray"
    assert victim.liar.asked["token"] == 0


async def test_an_answer_with_a_parameter_twice_is_stray(victim: Victim) -> None:
    client = victim.client()
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    query = MultiDict([*victim.liar.answer(started).items(), ("code", "another")])
    with pytest.raises(Refused) as raised:
        await client.finish(started, query, REDIRECT_URI)
    assert raised.value.code == "sign_in_stray"


async def test_an_issuer_is_compared_even_where_none_was_promised(victim: Victim) -> None:
    victim.liar.metadata = {"authorization_response_iss_parameter_supported": None}
    client = victim.client()
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    with pytest.raises(Refused) as raised:
        await client.finish(started, victim.liar.answer(started, iss="https://else.example"), REDIRECT_URI)
    assert raised.value.facts["reason"] == "iss"
    identity = await client.finish(started, victim.liar.answer(started, iss=None), REDIRECT_URI)
    assert identity.subject == "ada"


async def test_the_verifier_belongs_to_the_challenge_that_was_sent(victim: Victim) -> None:
    """Two sign-ins never share a secret."""
    client = victim.client()
    one, _ = await client.begin("liar", REDIRECT_URI, "/")
    other, _ = await client.begin("liar", REDIRECT_URI, "/")
    secrets = {one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}
    assert len(secrets) == 6
    assert min(map(len, secrets)) >= 43


@pytest.mark.parametrize(
    "path",
    ["", "events", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/\u2028", "/" * 1],
)
async def test_somebody_returns_to_a_path_of_this_server_alone(victim: Victim, path: str) -> None:
    client = victim.client()
    if path == "/":
        started, _ = await client.begin("liar", REDIRECT_URI, path)
        assert started.return_to == "/"
        return
    with pytest.raises(Refused) as raised:
        await client.begin("liar", REDIRECT_URI, path)
    assert (raised.value.code, raised.value.facts["field"]) == ("malformed", "return_to")


async def test_a_provider_that_nobody_set_is_unknown(victim: Victim) -> None:
    client = victim.client()
    with pytest.raises(Refused) as raised:
        await client.begin("another", REDIRECT_URI, "/")
    assert (raised.value.code, raised.value.status) == ("unknown_provider", 404)
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    with pytest.raises(Refused, match="unknown_provider"):
        await client.finish(replace(started, provider="another"), {}, REDIRECT_URI)


# ---- what is shown and logged


async def test_nothing_secret_is_logged_or_printed(
    victim: Victim, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    client = victim.client()
    started, _ = await client.begin("liar", REDIRECT_URI, "/")
    answer = victim.liar.answer(started)
    identity = await client.finish(started, answer, REDIRECT_URI)
    leaving = await client.logout_url("liar", identity.id_token, REDIRECT_URI)
    victim.liar.claims = {"aud": "another"}
    with pytest.raises(Refused):
        await client.finish(started, answer, REDIRECT_URI)
    victim.liar.raw["token"] = Raw(b'{"error": "invalid_grant"}', 400)
    with pytest.raises(Refused):
        await client.finish(started, answer, REDIRECT_URI)

    printed = capsys.readouterr()
    said = "\n".join([caplog.text, printed.out, printed.err])
    assert "identity_refused" in said, "the log is looked at"
    said += "\n".join(map(repr, (started, identity, leaving, victim.liar.settings())))
    assert leaving is not None
    secrets = {
        *(SECRET, ACCESS_TOKEN, answer["code"], identity.id_token, leaving.state),
        *(started.state, started.nonce, started.verifier),
    }
    assert {secret for secret in secrets if secret in said} == set()
