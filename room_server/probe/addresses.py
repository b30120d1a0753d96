"""From which addresses the probe connects: the machine's, and loopback where there is nothing else.

aioice never offers loopback, so on a machine without a network a server beside the probe would be out of
reach.  There is no setting for it: its module's function is put inside one that adds loopback to nothing.

Invariant: where the machine has any other address, nothing changes.
"""

from __future__ import annotations

from aioice import ice


def connect_from_loopback_if_alone() -> None:
    """Arrange it for every connection of this process; again is no harm."""
    if ice.get_host_addresses is not _host_addresses:
        ice.get_host_addresses = _host_addresses


def or_loopback(found: list[str], use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Return `found`, or the loopback addresses of the families in use."""
    return found or ["127.0.0.1"] * use_ipv4 + ["::1"] * use_ipv6


_found = ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return or_loopback(_found(use_ipv4, use_ipv6), use_ipv4, use_ipv6)
