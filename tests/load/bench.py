"""`make bench`: measure, tell a person on stderr, end with one line of JSON on standard output.

`BENCH` picks what runs (`all`, or names of `MEASURES` with commas); `BENCH_VIEWERS` how many watch,
`BENCH_SCALE` how many in the runs of `scale`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.load import floor, forward, idle, janus, playback, route, signalling
from tests.load.figures import Json, last_line
from tests.load.floor import FloorLost
from tests.load.janus_server import NoJanus
from tests.load.machine import allow_descriptors
from tests.load.peers import PeerFailed
from tests.load.progress import say, until_done
from tests.load.room_socket import Refused

VIEWERS = "500"
SCALE = "100,200,1000"
JANUS_VIEWERS = 200
#: A bench that takes longer is broken; `scale` needs half of it.
WITHIN_S = 900


@dataclass(frozen=True, slots=True)
class Choice:
    """What the environment asks for."""

    names: tuple[str, ...]
    viewers: int
    scale: tuple[int, ...]


def choose(bench: str, viewers: str, scale: str) -> Choice:
    """Raise ValueError for a bench that does not exist, or for viewers that are not numbers above zero."""
    names = tuple(MEASURES) if bench == "all" else tuple(bench.split(","))
    unknown = set(names) - set(MEASURES)
    if unknown:
        raise ValueError(f"BENCH={','.join(sorted(unknown))}: choose from all, {', '.join(MEASURES)}")
    return Choice(names, _count(viewers), tuple(_count(one) for one in scale.split(",")))


def _count(text: str) -> int:
    if not text.isdecimal() or (count := int(text)) < 1:
        raise ValueError(f"{text} viewers: at least one")
    return count


async def _floor(choice: Choice) -> Json:
    return {"floor": (await floor.measure(choice.viewers)).to_json()}


async def _forward(choice: Choice) -> Json:
    result = await forward.run(forward.Plan(choice.viewers, "burst"))
    joins = result.joins.to_json(result.window.cpu_ns_per_packet or 0)
    return {"floor": result.floor.to_json(), "forward": result.to_json(), "joins": joins}


async def _paced(choice: Choice) -> Json:
    result = await forward.run(forward.Plan(choice.viewers, "paced"))
    return {"floor": result.floor.to_json(), "paced": result.to_json()}


async def _whep(choice: Choice) -> Json:
    result = await forward.run(forward.Plan(choice.viewers, "burst", door=forward.Door.WHEP))
    joins = result.joins.to_json(result.window.cpu_ns_per_packet or 0)
    return {"whep": {**result.to_json(), "joins": joins}}


async def _wire(choice: Choice) -> Json:
    try:
        with route.wiring() as wire:
            result = await forward.run(forward.Plan(choice.viewers, "burst", wire.far))
    except route.NoWire as reason:
        say(f"  no wire: {reason}")
        return {}
    return {"wire": result.to_json()}


async def _scale(choice: Choice) -> Json:
    entries: list[Json] = []
    for viewers in choice.scale:
        try:
            entries.append((await forward.run(forward.Plan(viewers, "burst"))).to_json())
        except (FloorLost, PeerFailed, Refused, OSError, TimeoutError) as error:
            # More than the machine can do is an answer too.
            say(f"  {viewers} viewers: {type(error).__name__}: {error}")
            entries.append({"viewers": viewers, "broke": f"{type(error).__name__}: {error}"})
    return {"scale": entries}


async def _janus(choice: Choice) -> Json:
    try:
        with route.wiring() as wire:
            return {"janus": await janus.compare(min(choice.viewers, JANUS_VIEWERS), wire)}
    except (route.NoWire, NoJanus) as reason:
        say(f"  no comparison: {reason}")
        return {}


async def _idle(_: Choice) -> Json:
    return {"idle": await idle.run()}


async def _signalling(_: Choice) -> Json:
    return {"signalling": await signalling.run()}


async def _playback(_: Choice) -> Json:
    return {"playback": await playback.run()}


Measure: TypeAlias = Callable[[Choice], Awaitable[Json]]

MEASURES: Mapping[str, Measure] = {
    "idle": _idle,
    "playback": _playback,
    "signalling": _signalling,
    "floor": _floor,
    "paced": _paced,
    "forward": _forward,
    "wire": _wire,
    "whep": _whep,
    "scale": _scale,
    "janus": _janus,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last line, and which benches broke: what they would have measured is null."""

    line: Json
    broken: tuple[str, ...]


async def run(choice: Choice, measures: Mapping[str, Measure] = MEASURES) -> Outcome:
    """Every chosen bench in turn.  The floor printed is that of the last run which needed one."""
    measured: dict[str, object] = {}
    broken = []
    for name in choice.names:
        say(f"── {name}")
        try:
            async with asyncio.timeout(WITHIN_S):
                measured |= await measures[name](choice)
        except Exception as error:
            say(f"  {name} broke: {type(error).__name__}: {error}")
            broken.append(name)
    return Outcome(last_line(measured), tuple(broken))


def main() -> int:
    try:
        choice = choose(
            os.environ.get("BENCH", "all"),
            os.environ.get("BENCH_VIEWERS", VIEWERS),
            os.environ.get("BENCH_SCALE", SCALE),
        )
    except ValueError as error:
        say(str(error))
        return 2
    allow_descriptors()
    if (outcome := until_done(run(choice))) is None:
        return 130
    print(json.dumps(outcome.line))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
