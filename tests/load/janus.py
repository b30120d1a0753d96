"""The same load on Janus and on the room server, one after the other by the same route.

Janus never offers loopback, so both have the near end of a veth pair as their address.  `forward`: the client
is on the same side, and the kernel takes the way of loopback.  `wire`: it is in the namespace at the far end.
"""

from __future__ import annotations

import asyncio
from functools import partial

import aiohttp

from tests.load import floor, forward, steady
from tests.load.crowd import arrive
from tests.load.figures import Floor, Json, Window, mean_floor
from tests.load.janus_api import JanusSession
from tests.load.janus_server import AUDIO_TYPE, MOUNTPOINT, VIDEO_TYPE, Janus, running
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.route import Route, Wire

FEEDER = 0
CONNECTED_WITHIN_S = 20


async def compare(viewers: int, wire: Wire) -> Json:
    """Measure both servers by both routes.  Raise `NoJanus`."""
    return {
        "forward": await _side_by_side(viewers, wire.near, wire.interface),
        "wire": await _side_by_side(viewers, wire.far, wire.interface),
    }


async def _side_by_side(viewers: int, route: Route, interface: str) -> Json:
    before = await floor.measure(viewers, route)
    say(f"  Janus, {'veth' if route.namespace else 'loopback'}")
    theirs = await _watched(viewers, route, interface)
    say("  room-server")
    _, ours = await forward.forward(forward.Plan(viewers, "burst", route))
    floors = mean_floor([before, await floor.measure(viewers, route)])
    for window in (theirs, ours):
        steady.tell(window, floors)
    return beside(theirs, ours, floors)


def beside(theirs: Window, ours: Window, floors: Floor) -> Json:
    """Janus's figures, ours of the same row, and how many times our price a packet costs Janus."""
    price, our_price = theirs.cpu_ns_per_packet, ours.cpu_ns_per_packet
    times = None if price is None or not our_price else round(price / our_price, 2)
    return {
        **theirs.to_json(floors),
        "floor": floors.to_json(),
        "ours": ours.to_json(floors),
        "times_ours": times,
    }


async def _watched(viewers: int, route: Route, interface: str) -> Window:
    async with aiohttp.ClientSession() as http, running(route.server, interface) as janus:
        peers = await Peers.start(route=route)
        try:
            return await _measure(viewers, janus, peers, http)
        finally:
            await peers.close()


async def _measure(viewers: int, janus: Janus, peers: Peers, http: aiohttp.ClientSession) -> Window:
    ports = (janus.settings.audio_port, janus.settings.video_port)
    peers.feed(FEEDER, janus.settings.address, ports, (AUDIO_TYPE, VIDEO_TYPE), "burst")
    session = await JanusSession.open(http, janus.settings.url)
    try:
        rss_before_kb = janus.server.rss_kb()
        ways = [partial(_watch, session, peers, number) for number in range(1, viewers + 1)]
        say(f"  {viewers} viewers join")
        await arrive(ways, forward.PACE)
        return await steady.window(viewers, janus.server, peers, rss_before_kb)
    finally:
        await session.close()


async def _watch(session: JanusSession, peers: Peers, number: int) -> None:
    handle = await session.attach()
    answer = await peers.called(number, await session.watch(handle, MOUNTPOINT))
    await session.start(handle, answer)
    async with asyncio.timeout(CONNECTED_WITHIN_S):
        await peers.instant("first_frame", number)
