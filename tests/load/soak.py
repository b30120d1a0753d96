"""`make soak`: people join and leave, twenty a second, for minutes; then the server is as it was before.

    start ─► one publisher ─► warm-up ──► joins and leaves … ──► all have left ─► verdict
                               not judged      judged                judged

`SOAK_MINUTES` says how long (10 by default).  Exit code 0: flat; 1: something grew; 2: not understood.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from room_server.events.service import RoomType
from tests.load.attendee import enter, new_device_key, publish, view
from tests.load.machine import QUIET_PERCENT, Load, allow_descriptors
from tests.load.peers import Peers
from tests.load.progress import say, until_done
from tests.load.server import Server, serving
from tests.load.trend import Sample, Verdict, judge
from tests.load.workspace import Wanted

MINUTES = "10"
JOINS_PER_S = 20
STAY_S = 5.0
LINKS = 400
HOST = 0
SAMPLE_EVERY_S = 5.0
TELL_EVERY_S = 30.0
ENTER_WITHIN_S = 40
FIRST_FRAME_WITHIN_S = 20
GONE_WITHIN_S = 30
#: More than these at once would only wait for each other.
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who comes again and again, always with the same browser."""

    link: str
    device_key: str = field(default_factory=new_device_key)


@dataclass(slots=True)
class Count:
    """What happened so far."""

    joined: int = 0
    failed: int = 0
    last_failure: str = ""


async def run(minutes: float) -> Verdict:
    """Return the verdict on `minutes` of joins and leaves."""
    wanted = Wanted(RoomType.LIVE, starts_in_s=0, participants=LINKS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        serving([wanted]) as server,
    ):
        peers = await Peers.start()
        try:
            return await _soak(minutes, server, peers, http)
        finally:
            await peers.close()


async def _soak(minutes: float, server: Server, peers: Peers, http: aiohttp.ClientSession) -> Verdict:
    [session] = server.sessions
    host = await enter(http, session.host, HOST)
    await host.socket.request("session.start")
    await publish(host, peers, "burst")
    before, began, count = _sample(server, 0.0, 0), time.monotonic(), Count()
    load = Load.now((server.pid, peers.pid))
    say(f"  {JOINS_PER_S} joins and leaves a second for {minutes:g} minutes; before: {before}")
    samples: list[Sample] = []
    async with asyncio.TaskGroup() as both:
        watching = both.create_task(_watch(server, began, count, samples))
        await _come_and_go(minutes * 60, deque(map(Guest, session.participants)), peers, http, count)
        watching.cancel()
    others_percent = load.others_percent(Load.now((server.pid, peers.pid)))
    if others_percent > QUIET_PERCENT:
        say(f"  other programs used {others_percent:.0f} % of a core: joins that failed may be theirs")
    after = await _until_as_before(server, before, began, count)
    if count.failed:
        say(f"  {count.failed} joins failed, the last: {count.last_failure}")
    return judge(before, samples, after, failed=count.failed)


async def _come_and_go(
    seconds: float, absent: deque[Guest], peers: Peers, http: aiohttp.ClientSession, count: Count
) -> None:
    """Who was absent longest comes next."""
    began, places = time.monotonic(), asyncio.Semaphore(AT_ONCE)
    numbers: Iterator[int] = itertools.count(HOST + 1)

    async def visit(number: int, guest: Guest) -> None:
        try:
            await _visit(number, guest, peers, http)
            count.joined += 1
        except Exception as error:
            count.failed += 1
            count.last_failure = f"{type(error).__name__}: {error}"
        finally:
            absent.append(guest)
            places.release()

    async with asyncio.TaskGroup() as visits:
        for beat in itertools.count():
            at_s = beat / JOINS_PER_S
            if at_s >= seconds:
                break
            await asyncio.sleep(max(0, began + at_s - time.monotonic()))
            if time.monotonic() - began > seconds:
                break
            await places.acquire()
            visits.create_task(visit(next(numbers), absent.popleft()))


async def _visit(number: int, guest: Guest, peers: Peers, http: aiohttp.ClientSession) -> None:
    """Join, see a whole frame, stay a little, leave."""
    async with asyncio.timeout(ENTER_WITHIN_S):
        attendee = await enter(http, guest.link, number, guest.device_key)
    try:
        async with asyncio.timeout(FIRST_FRAME_WITHIN_S):
            await view(attendee, peers)
            await peers.instant("first_frame", number)
        await asyncio.sleep(STAY_S)
    finally:
        peers.leave(number)
        await attendee.socket.close()


async def _watch(server: Server, began: float, count: Count, samples: list[Sample]) -> None:
    told = 0.0
    while True:
        await asyncio.sleep(SAMPLE_EVERY_S)
        at_s = time.monotonic() - began
        samples.append(_sample(server, at_s, count.joined))
        if at_s - told >= TELL_EVERY_S:
            told = at_s
            say(f"  {samples[-1]}; {count.failed} failed")


async def _until_as_before(server: Server, before: Sample, began: float, count: Count) -> Sample:
    """Wait until what the people held is given back, or it is clear that it never will be."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while True:
        sample = _sample(server, time.monotonic() - began, count.joined)
        if sample.descriptors <= before.descriptors or time.monotonic() > deadline:
            say(f"  after: {sample}")
            return sample
        await asyncio.sleep(0.5)


def _sample(server: Server, at_s: float, joins: int) -> Sample:
    return Sample(at_s, joins, server.rss_kb(), server.threads(), server.descriptors())


def main() -> int:
    text = os.environ.get("SOAK_MINUTES") or MINUTES
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0
    if not 0 < minutes <= 24 * 60:
        say(f"SOAK_MINUTES={text}: a number of minutes, a day at most")
        return 2
    allow_descriptors()
    verdict = until_done(run(minutes))
    if verdict is None:
        return 130
    for line in verdict.lines():
        say(f"  {line}")
    print(json.dumps(verdict.to_json()))
    return 0 if verdict.flat else 1


if __name__ == "__main__":
    sys.exit(main())
