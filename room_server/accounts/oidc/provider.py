"""What an operator says of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from room_server.accounts.oidc.addresses import is_issuer
from room_server.accounts.oidc.tokens import ALGORITHMS

Word = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,100}$")]
"""A scope or an acr value: RFC 6749, section 3.3."""

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
"""What a provider is called in addresses."""

Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)]
"""What stands behind the @ of addresses, in small letters."""

_OURS = frozenset(
    {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "acr_values"),
        *("code_challenge", "code_challenge_method", "request", "request_uri", "response_mode"),
    }
)
_PROCONNECT_TAKES = frozenset({"claims", "prompt", "login_hint", "idp_hint", "siret_hint"})


class Dialect(StrEnum):
    """How a provider departs from the standard."""

    STANDARD = "standard"
    PROCONNECT = "proconnect"
    """Userinfo is a signed JWT; a request with a parameter it does not know is refused; names are
    `given_name` and `usual_name`."""


class ClientAuth(StrEnum):
    """How the server shows a provider who it is (OpenID Connect Core 1.0, section 9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


class Provider(BaseModel):
    """One provider.  Raises `pydantic.ValidationError`, which names the field and never its value.

    `scopes` are chosen by the dialect, and `client_auth` by what the provider announces, where they are
    unset. `acr_values` are a wish that a provider may pass over.  `extra` are further parameters of the
    request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: str
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret: Annotated[SecretStr, Field(min_length=1)] | None = None
    label: Annotated[str, Field(min_length=1, max_length=100)]
    """What people are shown: « ProConnect »."""
    dialect: Dialect = Dialect.STANDARD
    scopes: tuple[Word, ...] = ()
    acr_values: tuple[Word, ...] = ()
    extra: Mapping[str, str] = Field(default_factory=dict)
    client_auth: ClientAuth | None = None
    algorithms: Annotated[tuple[str, ...], Field(min_length=1)] = ALGORITHMS
    """What its tokens may be signed with."""
    trusts_email: tuple[Domain, ...] = ()
    """Domains of which an address that it has verified is enough to sign in to the account of that address:
    who runs the provider could sign in to any of them."""

    @field_validator("issuer")
    @classmethod
    def _is_an_issuer(cls, value: str) -> str:
        if not is_issuer(value):
            raise ValueError("an issuer is an https address without query or fragment")
        return value

    @field_validator("algorithms")
    @classmethod
    def _are_ours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) <= set(ALGORITHMS):
            raise ValueError(f"tokens may be signed with {', '.join(ALGORITHMS)}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if taken := _OURS & self.extra.keys():
            raise ValueError(f"extra may not hold {', '.join(sorted(taken))}")
        if self.dialect is Dialect.PROCONNECT and (unknown := self.extra.keys() - _PROCONNECT_TAKES):
            raise ValueError(f"ProConnect refuses {', '.join(sorted(unknown))}")
        with_secret = self.client_secret is not None
        if self.client_auth is not None and with_secret is (self.client_auth is ClientAuth.NONE):
            raise ValueError("client_auth wants a secret, unless it is none")
        return self

    @property
    def requested_scopes(self) -> tuple[str, ...]:
        """Return the scopes to ask for, `openid` first."""
        usual = ("given_name", "usual_name", "email")
        own = self.scopes or (usual if self.dialect is Dialect.PROCONNECT else ("profile", "email"))
        return ("openid", *(scope for scope in own if scope != "openid"))
