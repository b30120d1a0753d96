"""Runs the floor program (see `client/floor`)."""

from __future__ import annotations

import asyncio
import json

from tests.load.figures import Floor
from tests.load.peers import CLIENT
from tests.load.progress import say
from tests.load.route import LOOPBACK, Route

SECONDS = 6
#: One thread of the floor program keeps the rate of about that many viewers.
MOST_VIEWERS = 500
TRIES = 3
#: So few lost packets change no figure.
LOST_PART = 0.001


class FloorLost(Exception):
    """The reader of the floor program did not have every packet: the figure would be too low."""


async def measure(viewers: int, route: Route = LOOPBACK) -> Floor:
    """The floor by `route`: sender at the server's end, reader at the client's.  Raise `FloorLost`."""
    for _ in range(TRIES):
        told = await _run(min(viewers, MOST_VIEWERS), route)
        if told["lost"] <= told["packets"] * LOST_PART:
            figures = (told[name] for name in ("sendto_gcm_ns", "gso8_gcm_ns", "gcm_ns", "stream_gcm_ns"))
            floor = Floor(*figures)
            say(
                f"  floor: sendto {floor.sendto_gcm_ns} ns, GSO by 8 {floor.gso8_gcm_ns} ns, "
                f"the stream {floor.stream_gcm_ns} ns, cipher {floor.gcm_ns} ns"
            )
            return floor
        say(f"  the floor's reader missed {told['lost']} of {told['packets']} packets: once more")
    raise FloorLost(f"{told['lost']} of {told['packets']} packets")


async def _run(viewers: int, route: Route) -> dict[str, int]:
    inside = () if route.namespace is None else ("--namespace", route.namespace)
    process = await asyncio.create_subprocess_exec(
        CLIENT / "floor",
        *("--viewers", str(viewers), "--seconds", str(SECONDS), *route.arguments(), *inside),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        out, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the floor program ended with {process.returncode}")
    told: dict[str, int] = json.loads(out)
    return told
