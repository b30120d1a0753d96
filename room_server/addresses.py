"""By which addresses this machine is reached, as far as it can tell by itself."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from itertools import starmap


def reachable_addresses(host: str) -> tuple[str, ...]:
    """Return the IP addresses by which others may reach this machine when it listens on `host`.

    `::` is every address of both families.
    """
    if not ip_address(host).is_unspecified:
        return (host,)
    ways = [(socket.AF_INET, "192.0.2.1")]
    if ":" in host:
        ways.insert(0, (socket.AF_INET6, "2001:db8::1"))
    return tuple(filter(None, starmap(_outward, ways))) or ("::1" if ":" in host else "127.0.0.1",)


def _outward(family: socket.AddressFamily, there: str) -> str | None:
    """Return the address from which this machine would speak to `there`."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:  # connecting a UDP socket sends nothing: it only asks for the route
            probe.connect((there, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def spoken(host: str) -> str:
    """Return `host` as it stands in an address; one that means "any" is spoken of as this machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)
