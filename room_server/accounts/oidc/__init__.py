"""Signing in at a provider: the client of OpenID Connect, with neither routes nor rows.

    begin ─► Started, stored by the caller ─► the browser is sent to the provider
                                                   │ and comes back with state, code, iss
    Identity ◄─ userinfo ◄─ ID token ◄─ code ◄─ finish

OpenID Connect Core 1.0 with the authorisation code alone, PKCE (RFC 7636, S256), the issuer in the answer
(RFC 9207), and RP-Initiated Logout 1.0.  ProConnect, the French government's provider, is a `Dialect`.

Invariants: whatever a provider or a browser sends ends as an `Identity` or as `Refused`; no secret, code or
token is logged, shown or part of a `repr`; nothing is fetched that is not https, loopback apart.
"""

from room_server.accounts.oidc.client import Leaving, OidcClient, Started
from room_server.accounts.oidc.fetching import Fetcher, WebFetcher
from room_server.accounts.oidc.identity import Identity
from room_server.accounts.oidc.provider import Dialect, Provider

__all__ = ["Dialect", "Fetcher", "Identity", "Leaving", "OidcClient", "Provider", "Started", "WebFetcher"]
