"""Signed tokens: the signature first, then each claim (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725).

Invariant: what a token says of its own algorithm chooses among those we allow, and none of them is `none`
or works with a shared secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

if TYPE_CHECKING:  # ten megabytes, for who has a provider
    from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_S = 60
"""How far the provider's clock may be from ours."""
MAX_TOKEN_CHARS = 64 * 1024
MAX_SUBJECT_CHARS = 255

Claims = Mapping[str, object]


class Untrusted(Exception):
    """A token is not believed.  `reason` is a word for the operator: the claim, or what else is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Header(BaseModel):
    """What a token says of its signature, which nothing has proved yet."""

    model_config = ConfigDict(frozen=True, strict=True)

    alg: str
    kid: str | None = None
    crit: None = None
    """What must be understood, of which a sign-in has no use (RFC 7515, section 4.1.11)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say; `access_token` is the one that came with it."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)


def read_header(token: str, allowed: tuple[str, ...]) -> Header:
    """Return the header; `allowed` are of `ALGORITHMS`.  Raises `Untrusted`: `malformed`, `algorithm`."""
    encoded, _, rest = token.partition(".")
    if len(token) > MAX_TOKEN_CHARS or rest.count(".") != 1:
        raise Untrusted("malformed")
    try:
        header = Header.model_validate_json(_decoded(encoded))
    except (ValidationError, ValueError):
        raise Untrusted("malformed") from None
    if header.alg not in allowed:
        raise Untrusted("algorithm")
    return header


def verified(token: str, key: RSAKey | ECKey, algorithm: str) -> Claims:
    """Return the claims of a token that `key` signed.  Raises `Untrusted`: `signature`, `malformed`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from joserfc import jws
    from joserfc.errors import JoseError

    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        payload = jws.deserialize_compact(token, key, registry=registry).payload
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        raise Untrusted("signature") from None
    try:
        claims = from_json(payload, allow_inf_nan=False)
    except ValueError:
        raise Untrusted("malformed") from None
    if not isinstance(claims, dict):
        raise Untrusted("malformed")
    return claims


def check_id_token(claims: Claims, expected: Expected, algorithm: str, now: datetime) -> str:
    """Return the subject of an ID token.

    Raises `Untrusted` with the claim: `iss`, `aud`, `azp`, `exp`, `iat`, `nbf`, `nonce`, `at_hash`, `sub`.
    """
    _check(claims, expected.issuer, expected.client_id, ("iss", "aud", "exp", "iat"), now)
    _check_party(claims, expected.client_id)
    if not _same(claims.get("nonce"), expected.nonce):
        raise Untrusted("nonce")
    half = claims.get("at_hash")
    if half is not None and not _same(half, half_hash(expected.access_token, algorithm)):
        raise Untrusted("at_hash")
    return subject(claims)


def check_userinfo(claims: Claims, issuer: str, client_id: str, now: datetime) -> None:
    """Check what signed userinfo says beside the person; each of it may be absent (Core, section 5.3.2)."""
    _check(claims, issuer, client_id, (), now)


def subject(claims: Claims) -> str:
    """Return `sub` (Core, section 2: ASCII, at most 255 characters)."""
    sub = claims.get("sub")
    if not isinstance(sub, str) or not sub.isascii() or not 0 < len(sub) <= MAX_SUBJECT_CHARS:
        raise Untrusted("sub")
    return sub


def half_hash(token: str, algorithm: str) -> str:
    """Return the left half of the token's hash (Core, section 3.1.3.6)."""
    digest = hashlib.new(f"sha{algorithm[-3:]}", token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _check(claims: Claims, issuer: str, client_id: str, wanted: tuple[str, ...], now: datetime) -> None:
    from joserfc.errors import ClaimError
    from joserfc.jwt import JWTClaimsRegistry

    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"value": issuer},
        aud={"value": client_id},
        exp={},
        iat={},
        nbf={},
    )
    for name in wanted:
        if claims.get(name) is None:
            raise Untrusted(name)
    timed = {
        name: claims[name] for name in ("iss", "aud", "exp", "iat", "nbf") if claims.get(name) is not None
    }
    try:
        registry.validate(timed)
    except ClaimError as error:
        raise Untrusted(error.claim) from None


def _check_party(claims: Claims, client_id: str) -> None:
    """A token that is for others as well must name us as its party (Core, section 3.1.3.7, 3 to 5)."""
    party = claims.get("azp")
    others = isinstance(audience := claims.get("aud"), list) and any(one != client_id for one in audience)
    if party != client_id and (others or party is not None):
        raise Untrusted("azp")


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _decoded(encoded: str) -> bytes:
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
