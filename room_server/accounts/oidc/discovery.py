"""What a provider says of itself (OpenID Connect Discovery 1.0, section 4).

Invariant: metadata are believed only if they name the issuer that was asked, character by character.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from room_server.accounts.oidc.addresses import is_endpoint
from room_server.accounts.oidc.fetching import Ask, Fetcher
from room_server.accounts.oidc.provider import ClientAuth, Dialect, Provider
from room_server.accounts.oidc.refusals import asked, unusable

METADATA_LAST_S = 3_600.0


class Metadata(BaseModel):
    """The part of the metadata that is used; missing lists have the specification's defaults."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = Field(default=[ClientAuth.BASIC.value])
    authorization_response_iss_parameter_supported: bool = False


def metadata_url(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


async def discover(fetcher: Fetcher, provider: Provider) -> Metadata:
    """Return the provider's metadata.

    Raises `Refused`: `provider_away` with `reason`: `timeout`, `connection`, `status`; `provider_unusable`
    with `certificate`, `status`, `redirect`, `encoding`, `too_large`, `metadata`, `issuer`, or the name of
    an endpoint that is missing or leads where it may not.
    """
    answer = await asked(fetcher, provider, Ask(metadata_url(provider.issuer)))
    if answer.status != 200:
        raise unusable(provider, "status")
    return read_metadata(provider, answer.body)


def read_metadata(provider: Provider, body: bytes) -> Metadata:
    """Return what `body` says.  Raises `Refused` as `discover`."""
    try:
        metadata = Metadata.model_validate_json(body)
    except ValidationError:
        raise unusable(provider, "metadata") from None
    if metadata.issuer != provider.issuer:
        raise unusable(provider, "issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", *_OPTIONAL):
        url = getattr(metadata, name)
        if url is not None and not is_endpoint(url, provider.issuer):
            raise unusable(provider, name)
    if metadata.userinfo_endpoint is None and provider.dialect is Dialect.PROCONNECT:
        raise unusable(provider, "userinfo_endpoint")
    return metadata


_OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")
