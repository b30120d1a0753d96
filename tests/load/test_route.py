"""A wire is made whole, removed whole, and a killed bench's is found."""

from __future__ import annotations

import os
import subprocess
from ipaddress import IPv4Network

import pytest

from tests.load.route import LOOPBACK, NoWire, Wire, left_behind, wiring


def test_on_loopback_nothing_is_entered() -> None:
    assert LOOPBACK.enter() == ()
    assert LOOPBACK.arguments() == ("--bind", "127.0.0.1")


def test_behind_a_wire_programs_run_in_the_namespace_and_take_bursts() -> None:
    route = Wire(4_711).far
    assert route.enter() == ("ip", "netns", "exec", "room-bench-4711")
    assert route.arguments() == ("--bind", route.client, "--bursts")


@pytest.mark.parametrize("pid", [1, 63, 64, 4_711, 16_383, 4_194_303])
def test_both_ends_share_a_network_kept_for_measuring(pid: int) -> None:
    route = Wire(pid).far
    network = IPv4Network(f"{route.server}/30", strict=False)
    assert {route.server, route.client} == {str(host) for host in network.hosts()}
    assert network.subnet_of(IPv4Network("198.18.0.0/15"))


def test_names_of_interfaces_are_never_too_long_for_the_kernel() -> None:
    [near] = {command[2] for command in Wire(4_194_303).making() if command[:2] == ("link", "add")}
    assert len(near) <= 15


def test_the_near_end_is_reached_over_loopback() -> None:
    near, far = Wire(4_711).near, Wire(4_711).far
    assert (near.server, near.client) == (far.server, far.server)
    assert near.enter() == ()
    assert not near.bursts


def test_only_namespaces_of_benches_that_are_gone_are_left_behind() -> None:
    listed = "room-bench-12 (id: 1)\nother\nroom-bench-13\nmy-room-bench-14\n"
    assert left_behind(listed, lambda pid: pid == 13) == [12]


def test_a_wire_is_removed_also_when_what_used_it_failed() -> None:
    namespace = Wire(os.getpid()).namespace
    try:
        with wiring() as wire:
            assert namespace in _namespaces()
            assert wire.far.namespace == namespace
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert namespace not in _namespaces()
    except NoWire as reason:
        pytest.skip(str(reason))


def _namespaces() -> str:
    return subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=True).stdout
