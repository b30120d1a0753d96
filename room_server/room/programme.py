"""What an automated session sends: opened files, a player, and the source they write to.

    open ──► follow(timeline, transport) ──► follow … ──► close
                 │ a read fails: logged, the player starts anew a second later
                 └ the engine lost the room: a new source, a new player, the same course

Invariant: the player follows a transport only after its row was committed.
"""

from __future__ import annotations

import asyncio

import structlog

from media.engine import RoomKey
from playback.clock import Transport
from playback.player import Player
from playback.source import AssetMissing, PreparedFile
from playback.timeline import Timeline
from room_server.room.course import Plan
from room_server.room.errands import Errands
from room_server.room.ports import Ports, Source

_log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 1.0


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

    async def open(self, plan: Plan | None) -> None:
        """Open what the plan needs, in a thread; an asset that is missing is logged, and stays silent."""
        wanted = {item.asset_id for item in plan.timeline.media} if plan else set()
        for asset_id in sorted(wanted - self._files.keys()):
            try:
                self._files[asset_id] = await asyncio.to_thread(
                    PreparedFile.open, self._ports.asset_folder(asset_id)
                )
            except AssetMissing:
                _log.error("asset_missing", room=self._key, asset=asset_id)

    def follow(self, timeline: Timeline, transport: Transport) -> None:
        """Play as `transport` says."""
        self._course = (timeline, transport)
        try:
            self._player.follow(timeline, transport)
        except AssetMissing:
            _log.error("programme_silent", room=self._key)
            return
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
