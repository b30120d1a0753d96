"""The load client as the driver sees it: a process that speaks JSON lines.

offer(id) ──► SDP     answer(id)      connected / first_packet / first_frame (id) ──► instant
mark(window) ──► what was sent        report() ──► what each viewer received
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.load.machine import cpu_ns
from tests.load.route import LOOPBACK, Route

CLIENT = Path(__file__).parent / "client" / "target" / "release"
_LONGEST_LINE = 16 << 20


class PeerFailed(Exception):
    """A viewer, the publisher or the whole client broke."""


class Peers:
    """Viewers and at most one publisher, on str0m.  Instants are `time.time_ns()` on this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[tuple[str, int | None], asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self.failed: list[str] = []
        self.closed: list[int] = []

    @classmethod
    async def start(cls, threads: int = 2, route: Route = LOOPBACK) -> Peers:
        process = await asyncio.create_subprocess_exec(
            *route.enter(),
            CLIENT / "peers",
            *("--threads", str(threads), *route.arguments()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        return cls(process)

    async def viewer(self, peer: int, audio: int, video: int) -> str:
        """Return the offer of a viewer with that many receive slots."""
        self._expect(peer)
        reply = await self._ask("offer", peer, cmd="viewer", id=peer, audio=audio, video=video)
        return str(reply["sdp"])

    async def publisher(self, peer: int, audio: int, video: int, mode: str) -> str:
        """Return the offer of the publisher, whose frames leave at once (`burst`) or over 5 ms (`paced`)."""
        self._expect(peer)
        reply = await self._ask("offer", peer, cmd="publisher", id=peer, audio=audio, video=video, mode=mode)
        return str(reply["sdp"])

    async def called(self, peer: int, offer: str) -> str:
        """Return the answer of a viewer to the server's offer."""
        self._expect(peer)
        return str((await self._ask("answer", peer, cmd="called", id=peer, sdp=offer))["sdp"])

    def feed(self, peer: int, to: str, ports: tuple[int, int], types: tuple[int, int], mode: str) -> None:
        """Send the reference stream as plain RTP from now on; audio before video in `ports` and `types`."""
        (audio_port, video_port), (audio_type, video_type) = ports, types
        self._send(
            **{"cmd": "feed", "id": peer, "to": to, "mode": mode},
            **{"audio_port": audio_port, "video_port": video_port},
            **{"audio_type": audio_type, "video_type": video_type},
        )

    def answer(self, peer: int, sdp: str) -> None:
        self._send(cmd="answer", id=peer, sdp=sdp)

    def publish(self) -> None:
        self._send(cmd="publish")

    async def instant(self, event: str, peer: int) -> int:
        """When `connected`, `first_packet` or `first_frame` of `peer` happened, waiting for it."""
        return int((await self._waiting[event, peer])["at_ns"])

    async def mark(self, window: int) -> dict[str, Any]:
        """Open a window (0: none); return what the publisher sent in the one before."""
        return await self._ask("marked", None, cmd="mark", window=window)

    async def report(self) -> dict[str, Any]:
        return await self._ask("report", None, cmd="report")

    async def total(self) -> int:
        """Packets of the reference stream that all viewers have received since the start."""
        return int((await self._ask("total", None, cmd="total"))["packets"])

    def leave(self, peer: int) -> None:
        """Say goodbye and forget the peer."""
        self._send(cmd="close", id=peer)
        for event in ("offer", "answer", "connected", "first_packet", "first_frame"):
            self._waiting.pop((event, peer), None)

    async def close(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.wait([self._reading])

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_ns(self) -> int:
        return cpu_ns(self.pid)

    @property
    def _writer(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None
        return self._process.stdin

    def _expect(self, peer: int) -> None:
        for event in ("connected", "first_packet", "first_frame"):
            self._waiting[event, peer] = asyncio.get_running_loop().create_future()

    async def _ask(self, event: str, peer: int | None, **request: object) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[event, peer] = future
        self._send(**request)
        return await future

    def _send(self, **request: object) -> None:
        self._writer.write(json.dumps(request).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(json.loads(line))
        self._fail_all("the load client has ended")

    def _hear(self, event: dict[str, Any]) -> None:
        name, peer = event["event"], event.get("id")
        if name == "failed":
            self.failed.append(f"peer {peer}: {event['reason']}")
            self._fail_all(self.failed[-1], peer)
        elif name == "closed":
            self.closed.append(int(event["id"]))
        elif (future := self._waiting.get((name, peer))) is not None and not future.done():
            future.set_result(event)

    def _fail_all(self, reason: str, peer: int | None = None) -> None:
        for (_, whose), future in self._waiting.items():
            if (peer is None or whose == peer) and not future.done():
                future.set_exception(PeerFailed(reason))
                future.exception()  # somebody may never ask: that is no warning
