"""Media over IPv6, and over both families at once, to a peer of another make."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from media.engine import EngineConfig, PeerConnected
from room_server.addresses import reachable_addresses
from tests.media.engine_film import film, play
from tests.media.engine_peers import ROOM, peers, running_engine

OUTWARD = [address for address in reachable_addresses("::") if not ip_address(address).is_loopback]


async def sees_the_film(host: str, advertise: str) -> None:
    film()
    config = EngineConfig(bind_host=host, advertise=(advertise,), shards=2)
    async with running_engine(config) as (engine, witness), peers(1) as (viewer,):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        await witness.until(PeerConnected)
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= 20)
        playing.cancel()


async def test_a_viewer_sees_the_film_over_ipv6() -> None:
    """ROOM-3."""
    await sees_the_film("::1", "::1")


@pytest.mark.skipif(not OUTWARD, reason="a machine with loopback alone: `::` has no address to be reached by")
@pytest.mark.parametrize("advertise", OUTWARD)
async def test_one_port_serves_ipv6_and_ipv4(advertise: str) -> None:
    """ROOM_HOST=:: listens for both."""
    await sees_the_film("::", advertise)


def test_an_address_that_was_chosen_is_the_one_that_is_told() -> None:
    assert reachable_addresses("192.0.2.7") == ("192.0.2.7",)
    assert all(ip_address(one).version == 4 for one in reachable_addresses("0.0.0.0"))
