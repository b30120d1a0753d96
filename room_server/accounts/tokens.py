"""Secrets of accounts: random, given once, and kept as a hash alone.

Invariant: what the database holds opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_TOKEN_BYTES = 24
LONGEST = 64


def new() -> str:
    """Return a fresh secret: 32 characters of `[A-Za-z0-9_-]`, 192 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hashed(secret: str) -> str:
    """Return what is kept of a secret.  It is long and random, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def derived(secret: bytes, purpose: str) -> str:
    """Return what the server's own secret makes of a purpose: the same each time, and nobody else's."""
    digest = hmac.digest(secret, b"account\0" + purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode()


class FormTokens:
    """Makes the words by which a form shows that a page of ours carried it, to the browser it came from.

    A word is a MAC of what the browser's own cookie holds: another site knows neither, and a cookie planted
    by somebody else brings no word with it.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, cookie: str) -> str:
        """Return the word for the browser whose cookie that is."""
        digest = hmac.digest(self._secret, b"form\0" + cookie.encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode()

    def matches(self, cookie: str, word: str) -> bool:
        return bool(cookie) and hmac.compare_digest(self.of(cookie), word.encode("ascii", "replace").decode())
