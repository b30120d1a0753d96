"""The keys that a provider signs with (RFC 7517), and finding the one of a token.

Invariant: only public keys of RSA and of elliptic curves are ever held, so no shared secret can be
mistaken for one, nor a public key for a secret.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from room_server.accounts.oidc.fetching import Ask, Fetcher
from room_server.accounts.oidc.provider import Provider
from room_server.accounts.oidc.refusals import asked, unusable

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

KEYS_LAST_S = 3_600.0
RENEWALS_APART_S = 60.0
"""Whoever invents key ids makes us ask no oftener."""
MAX_KEYS = 50

_RSA_BITS = range(2_048, 8_193)
_MAX_EXPONENT = 1 << 32
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key to check signatures with.  `curve` is None for RSA, `algorithm` where it was left open."""

    kid: str | None
    algorithm: str | None
    curve: str | None
    material: RSAKey | ECKey

    def serves(self, algorithm: str) -> bool:
        return self.algorithm in (None, algorithm) and self.curve == _CURVES.get(algorithm)


def find(keys: tuple[Key, ...], kid: str | None, algorithm: str) -> Key | None:
    """Return the key of a token, None if it is not there.

    A token that names no key is of the only one that serves (OpenID Connect Core 1.0, section 10.1).
    """
    serving = [key for key in keys if key.serves(algorithm) and kid in (None, key.kid)]
    return serving[0] if len(serving) == 1 else None


async def fetch_keys(fetcher: Fetcher, provider: Provider, jwks_uri: str) -> tuple[Key, ...]:
    """Return the provider's keys.

    Raises `Refused`: `provider_away`; `provider_unusable` with `reason` as `discover`, or `keys`.
    """
    answer = await asked(fetcher, provider, Ask(jwks_uri))
    if answer.status != 200:
        raise unusable(provider, "status")
    return read_keys(provider, answer.body)


def read_keys(provider: Provider, body: bytes) -> tuple[Key, ...]:
    """Return the keys of a key set that we can use; others are passed over (RFC 7517, section 5)."""
    try:
        entries = _KeySet.model_validate_json(body).keys
    except ValidationError:
        raise unusable(provider, "keys") from None
    keys = [_read(entry) for entry in entries[:MAX_KEYS]]
    return tuple(key for key in keys if key is not None)


class _KeySet(BaseModel):
    model_config = ConfigDict(strict=True)

    keys: list[object]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)

    kty: Literal["RSA", "EC"]
    kid: str | None = None
    use: Literal["sig"] | None = None
    alg: str | None = None
    n: str = ""
    e: str = ""
    crv: Literal["P-256", "P-384", "P-521"] | None = None
    x: str = ""
    y: str = ""


def _read(entry: object) -> Key | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        read = _Entry.model_validate(entry)
        if read.kty == "RSA":
            return Key(read.kid, read.alg, None, _rsa(read))
        if read.crv is None:
            return None
        ec: dict[str, str | list[str]] = {"kty": "EC", "crv": read.crv, "x": read.x, "y": read.y}
        return Key(read.kid, read.alg, read.crv, ECKey.import_key(ec))
    except (ValidationError, JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _rsa(entry: _Entry) -> RSAKey:
    """Sizes first: a key may be too small to believe, and too large to reckon with."""
    from joserfc.jwk import RSAKey

    modulus, exponent = _number(entry.n), _number(entry.e)
    if modulus.bit_length() not in _RSA_BITS or exponent >= _MAX_EXPONENT:
        raise ValueError
    return RSAKey.import_key({"kty": "RSA", "n": entry.n, "e": entry.e})


def _number(text: str) -> int:
    if len(text) > _RSA_BITS.stop:
        raise ValueError
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except binascii.Error:
        raise ValueError from None
