"""Where the probe connects from."""

from __future__ import annotations

from aioice import ice

from room_server.probe.addresses import connect_from_loopback_if_alone, or_loopback


def test_loopback_is_for_machines_that_have_nothing_else() -> None:
    assert or_loopback(["192.0.2.1"], True, True) == ["192.0.2.1"]
    assert or_loopback([], True, True) == ["127.0.0.1", "::1"]
    assert or_loopback([], False, True) == ["::1"]


def test_every_connection_of_the_process_has_an_address_to_go_from() -> None:
    connect_from_loopback_if_alone()
    before = ice.get_host_addresses
    connect_from_loopback_if_alone()
    assert ice.get_host_addresses is before
    assert ice.get_host_addresses(use_ipv4=True, use_ipv6=True)
