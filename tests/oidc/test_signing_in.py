"""Signing in at a real provider, through its own forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from room_server.accounts.oidc import Identity, OidcClient, Provider, Started, WebFetcher
from room_server.accounts.oidc.client import STARTED_LASTS, is_return
from room_server.accounts.oidc.provider import ClientAuth
from room_server.errors import Refused
from tests.kit.clock import FakeClock
from tests.oidc.real_provider import LEFT_URI, REDIRECT_URI, Browser, RealProvider


class Visit:
    """Somebody who signs in."""

    def __init__(self, fetcher: WebFetcher, clock: FakeClock, browser: Browser) -> None:
        self.fetcher = fetcher
        self.clock = clock
        self.browser = browser

    def client(self, **providers: Provider) -> OidcClient:
        return OidcClient(providers, self.fetcher, self.clock)

    async def come_back(self, client: OidcClient, login: str = "ada") -> tuple[Started, Mapping[str, str]]:
        started, url = await client.begin("there", REDIRECT_URI, "/events")
        return started, await self.browser.sign_in(url, login)

    async def sign_in(self, provider: Provider, login: str = "ada") -> Identity:
        client = self.client(there=provider)
        started, query = await self.come_back(client, login)
        return await client.finish(started, query, REDIRECT_URI)


@pytest.fixture
def visit(fetcher: WebFetcher, clock: FakeClock, browser: Browser) -> Visit:
    return Visit(fetcher, clock, browser)


async def refused(client: OidcClient, started: Started, query: Mapping[str, str]) -> Refused:
    with pytest.raises(Refused) as raised:
        await client.finish(started, query, REDIRECT_URI)
    return raised.value


async def test_somebody_signs_in(visit: Visit, standard: RealProvider) -> None:
    identity = await visit.sign_in(standard.settings())
    assert identity == Identity(standard.issuer, "ada", "ada@example.org", True, "Ada Lovelace")


async def test_an_address_that_the_provider_has_not_made_sure_of_is_not_verified(
    visit: Visit, standard: RealProvider
) -> None:
    identity = await visit.sign_in(standard.settings(), login="bob")
    assert (identity.email, identity.email_verified) == ("bob@example.org", False)


@pytest.mark.parametrize(
    ("client_id", "client_auth"),
    [
        ("room", None),
        ("room", ClientAuth.BASIC),
        ("poster", ClientAuth.POST),
        ("public", None),
        ("public", ClientAuth.NONE),
    ],
)
async def test_the_server_says_who_it_is_as_the_provider_wants_it(
    visit: Visit, standard: RealProvider, client_id: str, client_auth: ClientAuth | None
) -> None:
    identity = await visit.sign_in(standard.settings(client_id, client_auth=client_auth))
    assert identity.subject == "ada"


async def test_a_server_with_a_wrong_secret_is_told_that_its_settings_do_not_serve(
    visit: Visit, standard: RealProvider
) -> None:
    client = visit.client(there=standard.settings(client_secret="another"))
    started, query = await visit.come_back(client)
    refusal = await refused(client, started, query)
    assert (refusal.code, refusal.status) == ("provider_unusable", 502)
    assert refusal.facts["reason"] == "invalid_client"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_somebody_signs_in_with_proconnect_whose_userinfo_is_signed(
    visit: Visit, proconnect: RealProvider, algorithm: str
) -> None:
    provider = proconnect.proconnect(f"service-{algorithm}", algorithms=(algorithm,))
    identity = await visit.sign_in(provider)
    expected = Identity(proconnect.issuer, "ada", "ada@example.org", False, "Ada de Lovelace")
    assert identity == expected, "ProConnect does not say that it made sure of an address"


async def test_proconnect_is_sent_no_parameter_that_it_would_refuse(
    visit: Visit, proconnect: RealProvider
) -> None:
    provider = proconnect.proconnect(acr_values=("eidas1",), extra={"prompt": "login"})
    started, url = await visit.client(there=provider).begin("there", REDIRECT_URI, "/")
    sent = dict(parse_qsl(urlsplit(url).query))
    assert (sent["acr_values"], sent["prompt"]) == ("eidas1", "login")
    assert min(len(sent["state"]), len(sent["nonce"])) >= 32
    assert await visit.browser.status(url) == 200
    assert await visit.browser.status(f"{url}&ui_locales=fr") == 400, "the provider of the test does refuse"
    assert (started.state, started.nonce) == (sent["state"], sent["nonce"])


async def test_signing_in_with_proconnect_and_configured_parameters_succeeds(
    visit: Visit, proconnect: RealProvider
) -> None:
    claims = '{"id_token":{"acr":{"essential":false}}}'
    extra = {"login_hint": "ada@example.org", "claims": claims}
    identity = await visit.sign_in(proconnect.proconnect(acr_values=("eidas1",), extra=extra))
    assert identity.subject == "ada"


@pytest.mark.parametrize("kind", ["standard", "proconnect"])
async def test_a_token_signed_with_the_shared_secret_is_not_believed(
    visit: Visit, standard: RealProvider, proconnect: RealProvider, kind: str
) -> None:
    shared = {
        "standard": standard.settings("shared-secret"),
        "proconnect": proconnect.proconnect("service-HS256"),
    }
    client = visit.client(there=shared[kind])
    started, query = await visit.come_back(client)
    refusal = await refused(client, started, query)
    assert (refusal.code, refusal.facts["reason"]) == ("identity_refused", "algorithm")


async def test_userinfo_in_plain_is_not_believed_of_proconnect(visit: Visit, standard: RealProvider) -> None:
    provider = standard.proconnect("poster", scopes=("email",))
    client = visit.client(there=provider)
    started, query = await visit.come_back(client)
    refusal = await refused(client, started, query)
    assert (refusal.code, refusal.facts["reason"]) == ("identity_refused", "userinfo")


async def test_an_answer_of_another_sign_in_is_stray_and_costs_nobody_their_code(
    visit: Visit, standard: RealProvider
) -> None:
    client = visit.client(there=standard.settings())
    mine, _ = await client.begin("there", REDIRECT_URI, "/")
    theirs, query = await visit.come_back(client)
    assert (await refused(client, mine, query)).code == "sign_in_stray"
    assert (await client.finish(theirs, query, REDIRECT_URI)).subject == "ada"


async def test_a_code_serves_once(visit: Visit, standard: RealProvider) -> None:
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    await client.finish(started, query, REDIRECT_URI)
    assert (await refused(client, started, query)).code == "sign_in_over"


async def test_a_code_that_was_slipped_into_another_sign_in_does_not_serve(
    visit: Visit, standard: RealProvider
) -> None:
    client = visit.client(there=standard.settings())
    mine, _ = await client.begin("there", REDIRECT_URI, "/")
    _, theirs = await visit.come_back(client)
    assert (await refused(client, mine, {**theirs, "state": mine.state})).code == "sign_in_over"


async def test_a_token_made_for_another_sign_in_is_not_believed(visit: Visit, standard: RealProvider) -> None:
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    other, _ = await client.begin("there", REDIRECT_URI, "/")
    refusal = await refused(client, replace(started, nonce=other.nonce), query)
    assert (refusal.code, refusal.facts["reason"]) == ("identity_refused", "nonce")


async def test_the_provider_may_sign_with_other_keys_from_one_minute_to_the_next(
    visit: Visit, standard: RealProvider
) -> None:
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    await client.finish(started, query, REDIRECT_URI)
    standard.rotate()
    started, query = await visit.come_back(client)
    assert (await client.finish(started, query, REDIRECT_URI)).subject == "ada"


@pytest.mark.parametrize(("ahead_s", "believed"), [(3_600 + 50, True), (3_600 + 70, False)])
async def test_a_token_that_has_run_out_is_not_believed_give_or_take_a_minute(
    visit: Visit, standard: RealProvider, ahead_s: float, believed: bool
) -> None:
    """The provider's tokens last an hour."""
    await _with_a_clock_off(visit, standard, ahead_s, "believed" if believed else "exp")


@pytest.mark.parametrize(("behind_s", "believed"), [(50, True), (70, False)])
async def test_a_token_from_the_future_is_not_believed_give_or_take_a_minute(
    visit: Visit, standard: RealProvider, behind_s: float, believed: bool
) -> None:
    await _with_a_clock_off(visit, standard, -behind_s, "believed" if believed else "iat")


async def _with_a_clock_off(visit: Visit, standard: RealProvider, seconds: float, expected: str) -> None:
    visit.clock.advance(seconds)
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    if expected == "believed":
        assert (await client.finish(started, query, REDIRECT_URI)).subject == "ada"
    else:
        refusal = await refused(client, started, query)
        assert (refusal.code, refusal.facts["reason"]) == ("identity_refused", expected)


async def test_whoever_comes_back_too_late_begins_again(visit: Visit, standard: RealProvider) -> None:
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    visit.clock.advance(STARTED_LASTS.total_seconds() + 1)
    assert (await refused(client, started, query)).code == "sign_in_over"


async def test_whoever_cancels_at_the_provider_is_told_so(visit: Visit, standard: RealProvider) -> None:
    client = visit.client(there=standard.settings())
    started, url = await client.begin("there", REDIRECT_URI, "/")
    query = await visit.browser.decline(url)
    refusal = await refused(client, started, query)
    assert (refusal.code, refusal.status) == ("sign_in_declined", 403)


async def test_an_answer_of_another_provider_is_refused_before_it_gets_the_code(
    visit: Visit, standard: RealProvider, proconnect: RealProvider
) -> None:
    """Mix-up (RFC 9207): the browser was sent to one provider, and a code of another comes back."""
    client = visit.client(there=standard.settings(), else_where=proconnect.proconnect())
    started, _ = await client.begin("else_where", REDIRECT_URI, "/")
    honest, query = await visit.come_back(client)
    refusal = await refused(client, started, {**query, "state": started.state})
    assert (refusal.code, refusal.facts["reason"]) == ("identity_refused", "iss")
    assert (await client.finish(honest, query, REDIRECT_URI)).subject == "ada", "the code was not spent"


async def test_an_answer_that_leaves_out_the_issuer_which_was_promised_is_refused(
    visit: Visit, standard: RealProvider
) -> None:
    client = visit.client(there=standard.settings())
    started, query = await visit.come_back(client)
    query = {name: value for name, value in query.items() if name != "iss"}
    assert (await refused(client, started, query)).facts["reason"] == "iss"


@pytest.mark.parametrize("kind", ["standard", "proconnect"])
async def test_signing_out_at_the_provider_comes_back_with_its_state(
    visit: Visit, standard: RealProvider, proconnect: RealProvider, kind: str
) -> None:
    provider = standard.settings() if kind == "standard" else proconnect.proconnect()
    client = visit.client(there=provider)
    started, query = await visit.come_back(client)
    identity = await client.finish(started, query, REDIRECT_URI)

    leaving = await client.logout_url("there", identity.id_token, LEFT_URI)

    assert leaving is not None
    assert len(leaving.state) >= 32
    back = await visit.browser.sign_out(leaving.url)
    assert is_return(leaving.state, back)
    assert not is_return("another", back)
    assert not is_return(leaving.state, {})
