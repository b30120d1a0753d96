"""One publisher, many viewers: joins at a bounded rate, then a steady window, between two runs of the floor.

The session is on air and published to before the first viewer comes: a join is measured to its first frame.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp

from room_server.events.service import RoomType
from tests.load import floor
from tests.load.attendee import Attendee, enter, publish, view
from tests.load.crowd import Pace, arrive
from tests.load.figures import Delays, Floor, Joins, Window, mean_floor, quantile
from tests.load.machine import Load
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.route import LOOPBACK, Route
from tests.load.server import Server, Session, serving
from tests.load.workspace import Wanted

HOST = 0
SETTLE_S = 3
WINDOW_S = 12
STRAGGLERS_S = 1.5
FIRST_FRAME_WITHIN_S = 20
QUIET_PERCENT = 20
PACE = Pace()


@dataclass(frozen=True, slots=True)
class Plan:
    viewers: int
    mode: str
    route: Route = LOOPBACK
    pace: Pace = PACE


@dataclass(frozen=True, slots=True)
class Forwarded:
    floor: Floor
    window: Window
    joins: Joins


async def run(plan: Plan) -> Forwarded:
    before = await floor.measure(plan.viewers, plan.route)
    wanted = Wanted(RoomType.LIVE, starts_in_s=0, participants=plan.viewers)
    # The server ends before its viewers' connections do: a buried one would not let them go.
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        serving([wanted], plan.route) as server,
    ):
        peers = await Peers.start(route=plan.route)
        try:
            joins, window = await _measure(plan, server, peers, http)
        finally:
            await peers.close()
    floors = mean_floor([before, await floor.measure(plan.viewers, plan.route)])
    _tell(window, joins, floors)
    return Forwarded(floors, window, joins)


async def _measure(
    plan: Plan, server: Server, peers: Peers, http: aiohttp.ClientSession
) -> tuple[Joins, Window]:
    [session] = server.sessions
    host = await enter(http, session.host, HOST)
    await host.socket.request("session.start")
    await publish(host, peers, plan.mode)
    rss_before_kb = server.rss_kb()
    joins = await _join_all(plan, server, session, peers, http)
    await asyncio.sleep(SETTLE_S)
    window = await _steady(plan, server, peers, rss_before_kb)
    if peers.failed or peers.closed:
        say(f"  peers that failed: {peers.failed[:5]}; closed by the server: {len(peers.closed)}")
    return joins, window


async def _join_all(
    plan: Plan, server: Server, session: Session, peers: Peers, http: aiohttp.ClientSession
) -> Joins:
    say(f"  {plan.viewers} viewers join, {plan.pace.per_s:g} a second at most")
    began, cpu, packets = time.monotonic(), server.cpu_ns(), await peers.total()
    ways = [
        partial(_join, http, link, number, peers) for number, link in enumerate(session.participants, start=1)
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


async def _steady(plan: Plan, server: Server, peers: Peers, rss_before_kb: int) -> Window:
    say(f"  steady window of {WINDOW_S} s")
    overflowed = _overflowed(await peers.report())
    await peers.mark(1)
    load, client_cpu = Load.now((server.pid, peers.pid)), peers.cpu_ns()
    began, cpu = time.monotonic(), server.cpu_ns()
    await asyncio.sleep(WINDOW_S)
    sent = (await peers.mark(0))["sent"]
    seconds, cpu_ns, rss_after_kb = time.monotonic() - began, server.cpu_ns() - cpu, server.rss_kb()
    client_cpu_ns = peers.cpu_ns() - client_cpu
    others_percent = load.others_percent(Load.now((server.pid, peers.pid)))
    if others_percent > QUIET_PERCENT:
        say(f"  other programs used {others_percent:.0f} % of a core meanwhile: delays are not ours alone")
    await asyncio.sleep(STRAGGLERS_S)
    report = await peers.report()
    viewers = [viewer for viewer in report["viewers"] if viewer["window"] == 1]
    worst = quantile([viewer["video_p99_ms"] for viewer in viewers if viewer["video_p99_ms"] is not None], 1)
    say(f"  p99 of the worst viewer: {worst} ms (video)")
    return Window(
        viewers=plan.viewers,
        seconds=seconds,
        sent=sent["video"] + sent["audio"],
        received=tuple(viewer["video"] + viewer["audio"] for viewer in viewers),
        retransmitted=sum(viewer["retransmitted"] for viewer in viewers),
        overflowed=_overflowed(report) - overflowed,
        cpu_ns=cpu_ns,
        client_cpu_ns=client_cpu_ns,
        delay=Delays(report["video"]["p50"], report["video"]["p99"]),
        audio_delay=Delays(report["audio"]["p50"], report["audio"]["p99"]),
        rss_before_kb=rss_before_kb,
        rss_after_kb=rss_after_kb,
        others_percent=others_percent,
    )


def _overflowed(report: dict[str, Any]) -> int:
    return sum(int(viewer["overflowed"]) for viewer in report["viewers"])


def _tell(window: Window, joins: Joins, floors: Floor) -> None:
    figures = window.to_json(floors)
    say(
        f"  {window.packets} packets delivered, {window.lost} lost, {window.retransmitted} retransmitted, "
        f"{window.overflowed} not read in time by the client; "
        f"{figures['cpu_ns_per_packet']} ns a packet = {figures['ratio_to_floor']} of the floor; "
        f"{figures['cpu_percent']} % of a core, client {figures['client_cpu_percent']} %"
    )
    say(
        f"  delay p50 {window.delay.p50} / p99 {window.delay.p99} ms, "
        f"audio p50 {window.audio_delay.p50} / p99 {window.audio_delay.p99} ms; "
        f"{figures['kb_per_viewer']} kB a viewer"
    )
    price = window.cpu_ns_per_packet
    if price is not None:
        say(f"  joins: {joins.to_json(price)}")
