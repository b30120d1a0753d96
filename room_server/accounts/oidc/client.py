"""The client: where to send a browser, and who came back.

Invariant: a sign-in ends where it began.  What a browser brings is compared with what `begin` gave its
caller to keep, before anything else is read of it or asked of anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import structlog

from room_server.accounts.oidc.discovery import Metadata
from room_server.accounts.oidc.exchange import Redeeming, Tokens, fetch_userinfo, redeem
from room_server.accounts.oidc.fetching import Fetcher
from room_server.accounts.oidc.identity import Identity, identity
from room_server.accounts.oidc.provider import Provider
from room_server.accounts.oidc.refusals import away, named, over, stray, untrusted, unusable
from room_server.accounts.oidc.source import Source
from room_server.accounts.oidc.tokens import (
    Claims,
    Expected,
    Untrusted,
    check_id_token,
    check_userinfo,
    subject,
)
from room_server.clock import Clock
from room_server.errors import ProtocolError, Refused

STARTED_LASTS = timedelta(minutes=30)
"""How long somebody may take at the provider: finding a telephone, answering a message."""
MAX_CODE_CHARS = 4_096

_log = structlog.get_logger(__name__)

_SECRET_BYTES = 32
# OpenID Connect Core 1.0, section 3.1.2.6: a person, or the provider for them, said no.
_NO = frozenset(
    {
        *("access_denied", "login_required", "interaction_required", "consent_required"),
        "account_selection_required",
    }
)
_LATER = frozenset({"temporarily_unavailable", "server_error"})


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in under way.

    The caller keeps it where only this browser's answer finds it, and forgets it before `finish`: it
    serves once.
    """

    provider: str
    return_to: str
    begun_at: datetime
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A sign-out at the provider: the browser is sent to `url` and comes back with `state`."""

    url: str = field(repr=False)
    state: str = field(repr=False)


class OidcClient:
    """Signing in at any of `providers`, by name."""

    def __init__(self, providers: Mapping[str, Provider], fetcher: Fetcher, clock: Clock) -> None:
        self._clock = clock
        self._sources = {
            name: Source(provider, fetcher, clock.monotonic_ns) for name, provider in providers.items()
        }

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the providers by name, as people are shown them."""
        return {name: source.provider.label for name, source in self._sources.items()}

    async def begin(self, provider: str, redirect_uri: str, return_to: str) -> tuple[Started, str]:
        """Return a sign-in for the caller to keep, and where to send the browser.

        `return_to` is a path of this server, where the person wanted to go.  Raises `Refused`:
        `unknown_provider`, `provider_away`, `provider_unusable`; `ProtocolError` for another `return_to`.
        """
        if not _is_path(return_to):
            reason = "return_to: no path of this server"
            raise ProtocolError("malformed", 400, {"field": "return_to", "reason": reason})
        source = self._source(provider)
        with _told(provider):
            metadata = await source.metadata()
        started = Started(
            provider=provider,
            return_to=return_to,
            begun_at=self._clock.now(),
            state=_secret(),
            nonce=_secret(),
            verifier=_secret(),
        )
        return started, _address(metadata, source.provider, started, redirect_uri)

    async def finish(self, started: Started, query: Mapping[str, str], redirect_uri: str) -> Identity:
        """Return who came back with `query`, at the same `redirect_uri` as begun with.

        Raises `Refused`: `sign_in_stray`, `sign_in_over`, `sign_in_declined`, `identity_refused`, and as
        `begin`.
        """
        source = self._source(started.provider)
        with _told(started.provider):
            self._check_answer(started, query)
            metadata = await source.metadata()
            redeeming = Redeeming(_code(source.provider, metadata, query), started.verifier, redirect_uri)
            tokens = await redeem(source.fetcher, source.provider, metadata, redeeming)
            try:
                return await self._identity(source, metadata, tokens, started.nonce)
            except Untrusted as error:
                raise untrusted(source.provider, error.reason) from None

    async def logout_url(self, provider: str, id_token: str, return_uri: str) -> Leaving | None:
        """Return how to sign out at the provider as well, None where it does not offer that.

        `return_uri` is registered there.  Raises `Refused`: `unknown_provider`, `provider_away`,
        `provider_unusable`.
        """
        source = self._source(provider)
        with _told(provider):
            endpoint = (await source.metadata()).end_session_endpoint
        if endpoint is None:
            return None
        state = _secret()
        parameters = {"id_token_hint": id_token, "post_logout_redirect_uri": return_uri, "state": state}
        return Leaving(_with_query(endpoint, parameters), state)

    def _source(self, name: str) -> Source:
        source = self._sources.get(name)
        if source is None:
            raise Refused("unknown_provider", 404)
        return source

    def _check_answer(self, started: Started, query: Mapping[str, str]) -> None:
        """A parameter given twice counts as none (RFC 6749, section 3.1)."""
        if len(query) != len(set(query)) or not _same(query.get("state"), started.state):
            raise stray()
        if self._clock.now() - started.begun_at > STARTED_LASTS:
            raise over()

    async def _identity(self, source: Source, metadata: Metadata, tokens: Tokens, nonce: str) -> Identity:
        provider = source.provider
        header, claims = await source.read(tokens.id_token)
        expected = Expected(provider.issuer, provider.client_id, nonce, tokens.access_token)
        person = check_id_token(claims, expected, header.alg, self._clock.now())
        told = await self._userinfo(source, metadata, tokens.access_token)
        if told is not None and subject(told) != person:
            raise Untrusted("userinfo_sub")
        return identity(provider.issuer, person, told or {}, claims, tokens.id_token)

    async def _userinfo(self, source: Source, metadata: Metadata, access_token: str) -> Claims | None:
        if metadata.userinfo_endpoint is None:
            return None
        provider = source.provider
        told = await fetch_userinfo(source.fetcher, provider, metadata.userinfo_endpoint, access_token)
        if not isinstance(told, str):
            return told
        _, claims = await source.read(told)
        check_userinfo(claims, provider.issuer, provider.client_id, self._clock.now())
        return claims


def is_return(state: str, query: Mapping[str, str]) -> bool:
    """Return whether a browser comes back from the sign-out that `state` was made for."""
    return len(query) == len(set(query)) and _same(query.get("state"), state)


def _address(metadata: Metadata, provider: Provider, started: Started, redirect_uri: str) -> str:
    challenge = hashlib.sha256(started.verifier.encode()).digest()
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.requested_scopes),
        "state": started.state,
        "nonce": started.nonce,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **({"acr_values": " ".join(provider.acr_values)} if provider.acr_values else {}),
        **provider.extra,
    }
    return _with_query(metadata.authorization_endpoint, parameters)


def _code(provider: Provider, metadata: Metadata, query: Mapping[str, str]) -> str:
    """Return the code of an answer that comes from the provider that was asked (RFC 9207, section 2.4)."""
    issuer = query.get("iss")
    if issuer != provider.issuer and (
        issuer is not None or metadata.authorization_response_iss_parameter_supported
    ):
        raise untrusted(provider, "iss")
    error = query.get("error")
    if error in _NO:
        raise Refused("sign_in_declined", 403, {"provider": provider.label})
    if error is not None:
        raise away(provider, error) if error in _LATER else unusable(provider, named(error))
    code = query.get("code", "")
    if not 0 < len(code) <= MAX_CODE_CHARS:
        raise stray()
    return code


def _with_query(endpoint: str, parameters: Mapping[str, str]) -> str:
    """An endpoint may have a query of its own, which stays (RFC 6749, section 3.1)."""
    split = urlsplit(endpoint)
    own = f"{split.query}&" if split.query else ""
    return split._replace(query=own + urlencode(parameters, quote_via=quote)).geturl()


def _is_path(text: str) -> bool:
    """Return whether a browser that is sent to `text` stays here."""
    return text.startswith("/") and text[1:2] not in ("/", "\\") and text.isprintable() and len(text) <= 2_048


def _secret() -> str:
    """43 characters; ProConnect wants 32 or more of a state and a nonce, RFC 7636 43 of a verifier."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _same(one: str | None, other: str) -> bool:
    return one is not None and hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


@contextmanager
def _told(provider: str) -> Iterator[None]:
    """Say in the log what is refused, and of which provider."""
    try:
        yield
    except Refused as refused:
        reason = refused.facts.get("reason")
        _log.warning("sign-in at a provider refused", provider=provider, code=refused.code, reason=reason)
        raise
