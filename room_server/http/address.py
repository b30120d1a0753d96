"""Who asks, and by which address they found us, with or without a trusted proxy before us.

Invariant: `X-Forwarded-*` counts only from a proxy that the operator named; the first address of the chain
that is not a trusted proxy's, from the right, is the client's: what lies left of it anybody may have made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network

_UNKNOWN = "unknown"
_IPV6_CUSTOMER_BITS = 64


class Addresses:
    """Reads addresses of requests; `public` is the origin that the operator set, if any."""

    def __init__(self, trusted: Sequence[Network], public: str | None) -> None:
        self._trusted = trusted
        self._public = public

    def client(self, request: web.Request) -> str:
        """Return the client's address; an IPv6 one as its /64, which is what one customer gets."""
        chain = [request.remote or ""]
        if self._is_trusted(chain[0]):
            forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
            chain = [part.strip() for part in forwarded.split(",") if part.strip()] + chain
        for text in reversed(chain):
            if not self._is_trusted(text):
                return _customer(text)
        return _customer(chain[0])

    def origin(self, request: web.Request) -> str:
        """Return the scheme and host by which the client reaches us, without a slash at the end."""
        if self._public is not None:
            return self._public
        scheme, host = request.scheme, request.host
        if self._is_trusted(request.remote or ""):
            given = request.headers.get("X-Forwarded-Proto", scheme).lower()
            scheme = given if given in ("http", "https") else scheme
            host = request.headers.get("X-Forwarded-Host", host)
        return f"{scheme}://{host}"

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted if network.version == address.version)


def _customer(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return _UNKNOWN
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((address, _IPV6_CUSTOMER_BITS), strict=False))
    return text
