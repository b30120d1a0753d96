"""What is asked of a provider once the browser is back: tokens for the code, userinfo for the token."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote_plus, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from room_server.accounts.oidc.discovery import Metadata
from room_server.accounts.oidc.fetching import Answer, Ask, Fetcher
from room_server.accounts.oidc.provider import ClientAuth, Dialect, Provider
from room_server.accounts.oidc.refusals import asked, named, over, untrusted, unusable
from room_server.accounts.oidc.tokens import Claims

JWT = "application/jwt"


class Tokens(BaseModel):
    """What a code is exchanged for (OpenID Connect Core 1.0, section 3.1.3.3)."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8000}$", repr=False)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    id_token: Annotated[str, Field(repr=False)]


@dataclass(frozen=True, slots=True)
class Redeeming:
    """A code and what proves that it was meant for us (RFC 7636, section 4.5)."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


async def redeem(fetcher: Fetcher, provider: Provider, metadata: Metadata, redeeming: Redeeming) -> Tokens:
    """Return the tokens.

    Raises `Refused`: `sign_in_over` for a code that is spent or not ours; `provider_away`;
    `provider_unusable` with the provider's error, `client_auth`, or a reason of `discover`;
    `identity_refused` with `tokens`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": redeeming.code,
        "redirect_uri": redeeming.redirect_uri,
        "code_verifier": redeeming.verifier,
    }
    credentials, headers = _authentication(provider, metadata)
    ask = Ask(metadata.token_endpoint, urlencode({**form, **credentials}), headers)
    answer = await asked(fetcher, provider, ask)
    if answer.status != 200:
        error = named(_error(answer))
        raise over() if error == "invalid_grant" else unusable(provider, error)
    try:
        return Tokens.model_validate_json(answer.body)
    except ValidationError:
        raise untrusted(provider, "tokens") from None


async def fetch_userinfo(fetcher: Fetcher, provider: Provider, url: str, access_token: str) -> str | Claims:
    """Return userinfo: a signed token as it came, or claims that only the connection vouches for.

    Raises `Refused`: `provider_away`; `identity_refused` with `userinfo`, also where ProConnect does not
    sign.
    """
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = await asked(fetcher, provider, Ask(url, headers=headers))
    if answer.status != 200:
        raise untrusted(provider, "userinfo")
    if answer.content_type == JWT:
        return answer.body.decode("ascii", "replace").strip()
    claims = _object(answer.body)
    if claims is None or provider.dialect is Dialect.PROCONNECT:
        raise untrusted(provider, "userinfo")
    return claims


def _authentication(provider: Provider, metadata: Metadata) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the part of the form and the headers that say who we are (RFC 6749, section 2.3.1)."""
    method = _method(provider, metadata)
    if provider.client_secret is None or method is ClientAuth.NONE:
        return {"client_id": provider.client_id}, {}
    secret = provider.client_secret.get_secret_value()
    if method is ClientAuth.POST:
        return {"client_id": provider.client_id, "client_secret": secret}, {}
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
    return {}, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _method(provider: Provider, metadata: Metadata) -> ClientAuth:
    if provider.client_auth is not None:
        return provider.client_auth
    if provider.client_secret is None:
        return ClientAuth.NONE
    for method in (ClientAuth.BASIC, ClientAuth.POST):
        if method in metadata.token_endpoint_auth_methods_supported:
            return method
    raise unusable(provider, "client_auth")


def _error(answer: Answer) -> object:
    return (_object(answer.body) or {}).get("error")


def _object(body: bytes) -> Claims | None:
    try:
        parsed = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
