"""The steady window: what a server costs, and what its viewers receive, with nothing but the stream."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.load.figures import Delays, Floor, Window, quantile
from tests.load.machine import QUIET_PERCENT, Load
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.server import Server

SETTLE_S = 3
WINDOW_S = 12
STRAGGLERS_S = 1.5


async def window(viewers: int, server: Server, peers: Peers, rss_before_kb: int) -> Window:
    """Let the joins settle, then measure.  `viewers` are those that should be there."""
    await asyncio.sleep(SETTLE_S)
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
    received = [viewer for viewer in report["viewers"] if viewer["window"] == 1]
    worst = quantile([viewer["video_p99_ms"] for viewer in received if viewer["video_p99_ms"] is not None], 1)
    say(f"  p99 of the worst viewer: {worst} ms (video)")
    return Window(
        viewers=viewers,
        seconds=seconds,
        sent=sent["video"] + sent["audio"],
        received=tuple(viewer["video"] + viewer["audio"] for viewer in received),
        retransmitted=sum(viewer["retransmitted"] for viewer in received),
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


def tell(window: Window, floor: Floor) -> None:
    """Say the window in three lines."""
    figures = window.to_json(floor)
    say(
        f"  {window.packets} packets delivered, {window.lost} lost, {window.retransmitted} retransmitted, "
        f"{window.overflowed} not read in time by the client"
    )
    say(
        f"  {figures['cpu_ns_per_packet']} ns a packet = {figures['ratio_to_floor']} of the floor; "
        f"{figures['cpu_percent']} % of a core, client {figures['client_cpu_percent']} %"
    )
    say(
        f"  delay p50 {window.delay.p50} / p99 {window.delay.p99} ms, "
        f"audio p50 {window.audio_delay.p50} / p99 {window.audio_delay.p99} ms; "
        f"{figures['kb_per_viewer']} kB a viewer"
    )
