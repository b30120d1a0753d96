"""Chat: many people connected by Socket.IO alone, some post at a fixed rate, everybody reads.

A delivery is one `chat.message` at one person.  What the server spends on pings of idle connections is in the
price: nobody has the one without the other.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from room_server.events.service import RoomType
from tests.load.attendee import Attendee, enter
from tests.load.crowd import Pace, arrive
from tests.load.figures import Json, quantile, rounded
from tests.load.machine import Load
from tests.load.progress import say
from tests.load.room_socket import Refused
from tests.load.server import Server, serving
from tests.load.workspace import Wanted

ATTENDEES = 200
POSTERS = 20
EACH_POSTS_EVERY_S = 2.0
SETTLE_S = 3
WINDOW_S = 15
STRAGGLERS_S = 2
_PACE = Pace(per_s=25)
_MARK = "bench-"


@dataclass(frozen=True, slots=True)
class Chatted:
    """One window.  `deliveries` and `delays_ms` are over all attendees, for messages posted in the window."""

    attendees: int
    seconds: float
    posted: int
    deliveries: int
    cpu_ns: int
    delays_ms: Sequence[float] = field(repr=False)
    others_percent: float = 0.0

    @property
    def lost(self) -> int:
        """Messages that somebody should have had and had not."""
        return self.posted * self.attendees - self.deliveries

    def to_json(self) -> Json:
        price = round(self.cpu_ns / self.deliveries / 1_000, 1) if self.deliveries else None
        return {
            "attendees": self.attendees,
            "messages_per_s": round(self.posted / self.seconds, 1),
            "events_per_s": round(self.deliveries / self.seconds),
            "cpu_us_per_delivery": price,
            "lost": self.lost,
            "delay_ms": {
                "p50": rounded(quantile(self.delays_ms, 0.5)),
                "p99": rounded(quantile(self.delays_ms, 0.99)),
            },
            "cpu_percent": round(self.cpu_ns / self.seconds / 1e7, 1),
            "others_cpu_percent": round(self.others_percent, 1),
        }


class Ear:
    """Hears the notices of all attendees; a message's text says when it was posted."""

    def __init__(self) -> None:
        self.delays_ms: list[float] = []

    def hear(self, notice: str) -> None:
        _, found, rest = notice.partition(_MARK)
        if found and ',["chat.message"' in notice:
            self.delays_ms.append((time.time_ns() - int(rest[: rest.index(".")])) / 1e6)


def stamped() -> str:
    """A message that says when it was posted."""
    return f"{_MARK}{time.time_ns()}. One question: how do we plan the next session?"


async def run() -> Json:
    wanted = Wanted(RoomType.LIVE, starts_in_s=0, participants=ATTENDEES - 1)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        serving([wanted]) as server,
    ):
        chatted = await _measure(server, http)
    figures = chatted.to_json()
    say(f"  {figures}")
    return figures


async def _measure(server: Server, http: aiohttp.ClientSession) -> Chatted:
    [session] = server.sessions
    host = await enter(http, session.host, 0)
    await host.socket.request("session.start")
    say(f"  {ATTENDEES} people join")
    ways = [partial(enter, http, link, number) for number, link in enumerate(session.participants, start=1)]
    people, failures = await arrive(ways, _PACE)
    if failures:
        raise RuntimeError(f"{len(failures)} of {ATTENDEES} could not join")
    ear = Ear()
    for one in (host, *people):
        one.socket.hears = ear.hear
    await asyncio.sleep(SETTLE_S)
    say(f"  {POSTERS} of them post for {WINDOW_S} s")
    load, began, cpu = Load.now((server.pid,)), time.monotonic(), server.cpu_ns()
    posted = sum(await asyncio.gather(*(_post(one, place) for place, one in enumerate(people[:POSTERS]))))
    seconds = time.monotonic() - began
    cpu_ns, others_percent = server.cpu_ns() - cpu, load.others_percent(Load.now((server.pid,)))
    await asyncio.sleep(STRAGGLERS_S)
    return Chatted(
        attendees=len(people) + 1,
        seconds=seconds,
        posted=posted,
        deliveries=len(ear.delays_ms),
        cpu_ns=cpu_ns,
        delays_ms=ear.delays_ms,
        others_percent=others_percent,
    )


async def _post(poster: Attendee, place: int) -> int:
    """Post at fixed instants, those of all posters evenly spread; return how many were taken."""
    began = time.monotonic() + place * EACH_POSTS_EVERY_S / POSTERS
    posted = 0
    for number in range(int(WINDOW_S / EACH_POSTS_EVERY_S)):
        await asyncio.sleep(max(0, began + number * EACH_POSTS_EVERY_S - time.monotonic()))
        try:
            await poster.socket.request("chat.post", key=secrets.token_hex(8), text=stamped())
            posted += 1
        except Refused as refused:
            say(f"  a message was refused: {refused}")
    return posted
