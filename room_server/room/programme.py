"""What an automated session sends: opened files, a player, and the source they write to.

    open ──► follow(timeline, transport) ──► follow … ──► close
                 │ a read fails: logged, the player starts anew a second later
                 │ an asset is missing: its items are silent, the others play; it is tried again and again
                 └ the engine lost the room: a new source, a new player, the same course

Invariant: the player follows a transport only after its row was committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import structlog

from media.engine import RoomKey
from playback.clock import Motion, Transport
from playback.player import Player
from playback.source import AssetMissing, PreparedFile
from playback.timeline import Timeline
from room_server.room.course import Plan
from room_server.room.errands import Errands
from room_server.room.ports import Ports, Source

_log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 1.0
MISSING_AGAIN_S = 2.0


class Programme:
    """The programme of one room.  `source` carries it."""

    def __init__(self, key: RoomKey, ports: Ports, errands: Errands) -> None:
        self._key = key
        self._ports = ports
        self._errands = errands
        self._files: dict[str, PreparedFile] = {}
        self._course: tuple[Timeline, Transport] | None = None
        self.source: Source = ports.media.add_source(key)
        self._player = self._new_player()
        self._task: asyncio.Task[None] | None = None
        self._wanted: set[str] = set()
        self._opening = asyncio.Lock()
        self._reopening: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    async def open(self, plan: Plan | None) -> None:
        """Open what the plan needs, in a thread; what is missing is logged, and tried again."""
        self._wanted |= {item.asset_id for item in plan.timeline.media} if plan else set()
        for asset_id in await self._open_missing():
            _log.error("asset_missing", room=self._key, asset=asset_id)
        if self._missing and self._reopening is None and not self._closed.is_set():
            self._reopening = self._errands.send(self._reopen(), f"missing {self._key}")

    @property
    def _missing(self) -> list[str]:
        return sorted(self._wanted - self._files.keys())

    async def _open_missing(self) -> list[str]:
        """Open what is there; return what still is not."""
        async with self._opening:
            for asset_id in self._missing:
                with contextlib.suppress(AssetMissing):
                    folder = self._ports.asset_folder(asset_id)
                    self._files[asset_id] = await asyncio.to_thread(PreparedFile.open, folder)
            return self._missing

    async def _reopen(self) -> None:
        """Try what is missing until all is there; what has come plays from where the session is by then."""
        while (missing := self._missing) and not self._closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MISSING_AGAIN_S):
                    await self._closed.wait()
            found = set(missing) - set(await self._open_missing())
            for asset_id in sorted(found):
                _log.info("asset_found", room=self._key, asset=asset_id)
            if found and not self._closed.is_set():
                self._follow_again()
        self._reopening = None

    def _follow_again(self) -> None:
        """Play what was found, or show the picture of it at which a pause stands."""
        if self._course is not None and self._course[1].motion is not Motion.ENDED:
            self.follow(*self._course)

    def follow(self, timeline: Timeline, transport: Transport) -> None:
        """Play as `transport` says what is there of `timeline`."""
        self._course = (timeline, transport)
        there = tuple(item for item in timeline.media if item.asset_id in self._files)
        self._player.follow(replace(timeline, media=there), transport)
        if self._task is None:
            self._task = self._errands.send(self._play(), f"programme {self._key}")

    async def renew(self) -> None:
        """The engine lost the room and has it again: write to a new source."""
        await self._stop()
        self.source = self._ports.media.add_source(self._key)
        self._player = self._new_player()
        if self._course is not None:
            self.follow(*self._course)

    async def close(self) -> None:
        """Stop playing and close the files and the source."""
        self._closed.set()
        if self._reopening is not None:
            await asyncio.gather(self._reopening, return_exceptions=True)  # what it opens is closed below
        await self._stop()
        self.source.close()
        for file in self._files.values():
            file.close()
        self._files.clear()

    async def _play(self) -> None:
        while True:
            try:
                await self._player.run()
                return
            except Exception:
                _log.exception("playback_failed", room=self._key)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _stop(self) -> None:
        await self._player.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _new_player(self) -> Player:
        return Player(self._files, self.source, self._ports.clock.monotonic_ns)
