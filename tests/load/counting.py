"""What it costs to count everybody: `python -m tests.load.counting [PEERS]`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median

from media.engine import Engine, EngineConfig, Publishing, RoomKey
from media.stats import stats_of

OFFER = Path(__file__).parents[1] / "media" / "offers" / "chromium-viewer.sdp"
ROUNDS = 50


async def main(peers: int) -> None:
    """Print what one count takes of so many viewers who have sound and a picture in their slots."""
    engine = await Engine.start(EngineConfig(shards=2, max_peers_per_room=peers), lambda _: None)
    room = RoomKey("room")
    engine.open_room(room)
    source = engine.add_source(room)
    engine.set_layout(room, [source.audio], [source.video])
    offer = OFFER.read_text().replace("\r\n", "\n").replace("\n", "\r\n")
    for _ in range(peers):
        engine.connect(room, offer, Publishing.DENIED)
    core = engine._core
    core_ms, python_ms = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        raw = core.stats()
        fetched = time.perf_counter()
        stats = stats_of(raw)
        core_ms.append((fetched - began) * 1_000)
        python_ms.append((time.perf_counter() - fetched) * 1_000)
    slots = sum(len(peer.slots) for peer in stats.peers)
    print(f"{len(stats.peers)} peers, {slots} slots:")
    print(f"  threads asked, tuples made: {median(core_ms):.2f} ms")
    print(f"  named tuples made of them:  {median(python_ms):.2f} ms")
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
