"""Runs the floor program (see `client/floor`)."""

from __future__ import annotations

import asyncio
import json

from tests.load.figures import Floor
from tests.load.peers import CLIENT
from tests.load.progress import say
from tests.load.route import LOOPBACK, Route

SECONDS = 4


class FloorLost(Exception):
    """The reader of the floor program did not have every packet: the figure would be too low."""


async def measure(viewers: int, route: Route = LOOPBACK) -> Floor:
    """The floor by `route`: the sender at the server's end, the reader at the client's."""
    inside = () if route.namespace is None else ("--namespace", route.namespace)
    process = await asyncio.create_subprocess_exec(
        CLIENT / "floor",
        *("--viewers", str(viewers), "--seconds", str(SECONDS), *route.arguments(), *inside),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the floor program ended with {process.returncode}")
    told = json.loads(out)
    if told["lost"]:
        raise FloorLost(f"{told['lost']} of {told['packets']} packets")
    floor = Floor(told["sendto_gcm_ns"], told["gso8_gcm_ns"], told["gcm_ns"])
    say(
        f"  floor: sendto {floor.sendto_gcm_ns} ns, GSO by 8 {floor.gso8_gcm_ns} ns, cipher {floor.gcm_ns} ns"
    )
    return floor
