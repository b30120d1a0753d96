"""One publisher, many viewers: joins at a bounded rate, then a steady window, between two runs of the floor.

The session is on air and published to before the first viewer comes: a join is measured to its first frame.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import aiohttp

from room_server.events.service import RoomType
from tests.load import floor, steady
from tests.load.attendee import Attendee, enter, publish, view, watch
from tests.load.crowd import Pace, arrive
from tests.load.figures import Floor, Joins, Json, Window, mean_floor
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.route import LOOPBACK, Route
from tests.load.server import Server, Session, serving
from tests.load.workspace import Wanted

HOST = 0


class Door(Enum):
    """How viewers come in: as browsers into the room, or as players by WHEP."""

    ROOM = auto()
    WHEP = auto()


FIRST_FRAME_WITHIN_S = 20
PACE = Pace()


@dataclass(frozen=True, slots=True)
class Plan:
    """`mode`: how a frame leaves the publisher, `burst` or `paced`; `door`: how viewers come in."""

    viewers: int
    mode: str
    route: Route = LOOPBACK
    pace: Pace = PACE
    door: Door = Door.ROOM


@dataclass(frozen=True, slots=True)
class Forwarded:
    floor: Floor
    window: Window
    joins: Joins

    def to_json(self) -> Json:
        """The window with the floor that its ratio is to."""
        return {**self.window.to_json(self.floor), "floor": self.floor.to_json()}


async def run(plan: Plan) -> Forwarded:
    """Measure between two runs of the floor by the same route."""
    before = await floor.measure(plan.viewers, plan.route)
    joins, window = await forward(plan)
    floors = mean_floor([before, await floor.measure(plan.viewers, plan.route)])
    steady.tell(window, floors)
    if (price := window.cpu_ns_per_packet) is not None:
        say(f"  joins: {joins.to_json(price)}")
    return Forwarded(floors, window, joins)


async def forward(plan: Plan) -> tuple[Joins, Window]:
    """Start a server, let everybody in, measure."""
    wanted = Wanted(RoomType.LIVE, starts_in_s=0, participants=plan.viewers)
    # The server ends before its viewers' connections do: a buried one would not let them go.
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        serving([wanted], plan.route) as server,
    ):
        peers = await Peers.start(route=plan.route)
        try:
            return await _measure(plan, server, peers, http)
        finally:
            await peers.close()


async def _measure(
    plan: Plan, server: Server, peers: Peers, http: aiohttp.ClientSession
) -> tuple[Joins, Window]:
    [session] = server.sessions
    host = await enter(http, session.host, HOST)
    await host.socket.request("session.start")
    await publish(host, peers, plan.mode)
    rss_before_kb = server.rss_kb()
    joins = await _join_all(plan, server, session, peers, http)
    window = await steady.window(plan.viewers, server, peers, rss_before_kb)
    if peers.failed or peers.closed:
        say(f"  peers that failed: {peers.failed[:5]}; closed by the server: {len(peers.closed)}")
    return joins, window


async def _join_all(
    plan: Plan, server: Server, session: Session, peers: Peers, http: aiohttp.ClientSession
) -> Joins:
    say(f"  {plan.viewers} viewers join, {plan.pace.per_s:g} a second at most")
    began, cpu, packets = time.monotonic(), server.cpu_ns(), await peers.total()
    join = _join if plan.door is Door.ROOM else _watch
    ways = [
        partial(join, http, link, number, peers) for number, link in enumerate(session.participants, start=1)
    ]
    first_frame_ms, _ = await arrive(ways, plan.pace)
    seconds, cpu_ns = time.monotonic() - began, server.cpu_ns() - cpu
    return Joins(
        seconds=seconds,
        cpu_ns=cpu_ns,
        forwarded=await peers.total() - packets,
        first_frame_ms=tuple(first_frame_ms),
    )


async def _join(http: aiohttp.ClientSession, link: str, number: int, peers: Peers) -> float:
    """Join and return how long the first frame took, in milliseconds."""
    attendee: Attendee = await enter(http, link, number)
    async with asyncio.timeout(FIRST_FRAME_WITHIN_S):
        await view(attendee, peers)
        at_ns = await peers.instant("first_frame", number)
    return (at_ns - attendee.began_ns) / 1e6


async def _watch(http: aiohttp.ClientSession, link: str, number: int, peers: Peers) -> float:
    """Like `_join`, by WHEP."""
    async with asyncio.timeout(FIRST_FRAME_WITHIN_S):
        began_ns = await watch(http, link, number, peers)
        at_ns = await peers.instant("first_frame", number)
    return (at_ns - began_ns) / 1e6
