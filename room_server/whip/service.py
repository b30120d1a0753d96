"""Streams: a player that watches a room (WHEP), a program that publishes to its stage (WHIP).

    open ─► offer read ─► seat taken ─► in the room ─► connected ──┬─► ended    DELETE, a goodbye of its media
              └ refused: nothing taken                             ├─► lost     15 s without consent
                                                                   └─► closed   the seat moved or is gone

A stream is its link's one connection, as a browser is: in the list of people, muted, removed, counted.  Who
publishes stands on the stage from the start; who is lost keeps the place there, who ends gives it up.

Invariant: a stream that is known holds its seat or is being closed by `access`; it is known from the step in
which its seat was redeemed, so that nothing displaces it unseen.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NewType, Protocol, TypeVar

import structlog

from media.engine import (
    EngineEvent,
    GoneReason,
    IceCredentials,
    NegotiationRefused,
    PeerGone,
    PeerId,
    Purpose,
)
from media.fragment import Bundle, read_fragment
from room_server import ids
from room_server.access.rules import Closing, Role, TakeOver
from room_server.errors import Refused
from room_server.ids import ConnectionId
from room_server.room.stage import SLOTS

if TYPE_CHECKING:
    from media.engine import Offer
    from room_server.access.rules import Admission
    from room_server.access.service import LinkView, Taken
    from room_server.room.service import RoomService

StreamId = NewType("StreamId", str)

GOODBYE_S = 15.0
"""For so long after its media said goodbye a stream may be deleted all the same."""

ANY = "*"
"""The condition that any ICE session meets: a restart makes a new one."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Way(StrEnum):
    """Which way media flow: to a player, or from a program."""

    WHEP = "whep"
    WHIP = "whip"

    @property
    def purpose(self) -> Purpose:
        return Purpose.WATCH if self is Way.WHEP else Purpose.PUBLISH


class Seats(Protocol):
    """The part of `room_server.access.service.Access` that a stream needs."""

    async def view(self, token: str) -> LinkView: ...
    async def take_seat(self, token: str, device_key: str, take_over: TakeOver, device: str) -> Taken: ...
    async def redeem(self, ticket: str) -> Admission: ...
    async def release(self, admission: Admission) -> None: ...


class Media(Protocol):
    """The part of `media.engine.Engine` that is about streams and not about rooms."""

    def read_offer(self, offer_sdp: str, purpose: Purpose) -> Offer: ...
    def fragment(self, ice: IceCredentials, bundle: Bundle) -> str: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for, by the link of `token`.  `device_key` tells one device from another."""

    way: Way
    token: str = field(repr=False)
    offer_sdp: str = field(repr=False)
    take_over: TakeOver
    device_key: str = field(repr=False)
    device: str


@dataclass(slots=True)
class Stream:
    """A stream.  `tag` names its ICE session; `peer` is None until it is connected."""

    stream_id: StreamId
    way: Way
    who: Admission
    token_digest: bytes = field(repr=False)
    bundle: Bundle
    remote_ufrag: str
    tag: str
    peer: PeerId | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    stream: Stream
    answer_sdp: str


class Streams:
    """The streams of this node."""

    def __init__(self, rooms: RoomService, access: Seats, media: Media) -> None:
        self._rooms = rooms
        self._access = access
        self._media = media
        self._streams: dict[StreamId, Stream] = {}
        self._by_connection: dict[ConnectionId, Stream] = {}
        self._by_peer: dict[PeerId, Stream] = {}
        self._goodbyes: dict[StreamId, asyncio.Task[None]] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def count(self, way: Way) -> int:
        return sum(stream.way is way for stream in self._streams.values())

    # ---- coming

    async def open(self, wanted: Wanted) -> Opened:
        """Take the link's seat and connect.

        Raise `Refused`: offer_refused with `reason`, not_allowed, stage_full, seat_moved, and as
        `Access.take_seat`.  Whatever is refused takes nothing.
        """
        offer = _reading(lambda: self._media.read_offer(wanted.offer_sdp, wanted.way.purpose))
        if wanted.way is Way.WHIP:
            await self._check_contributor(wanted.token)
        taken = await self._access.take_seat(wanted.token, wanted.device_key, wanted.take_over, wanted.device)
        who = await self._access.redeem(taken.ticket)
        stream = Stream(
            stream_id=StreamId(secrets.token_urlsafe(24)),
            way=wanted.way,
            who=who,
            token_digest=_digest(wanted.token),
            bundle=Bundle.of(offer),
            remote_ufrag=offer.transport.ice_ufrag,
            tag=ids.new(),
        )
        self._streams[stream.stream_id] = self._by_connection[who.connection_id] = stream
        try:
            return Opened(stream, await self._connect(stream, offer))
        except BaseException:
            await self.end(stream)
            self._rooms.left(who)  # who was displaced on the way in is forgotten, and came in all the same
            raise

    async def _check_contributor(self, token: str) -> None:
        link = (await self._access.view(token)).link
        if link is not None and link.role is Role.PARTICIPANT:
            raise Refused("not_allowed", 403)

    async def _connect(self, stream: Stream, offer: Offer) -> str:
        await self._rooms.admitted(stream.who)
        if stream.stream_id not in self._streams:
            raise Refused("seat_moved")
        if stream.way is Way.WHIP:
            await self._rooms.staging.enter(stream.who)
        # The last step: it refuses who was displaced meanwhile, and nothing is awaited after it.
        connected = self._rooms.staging.connect_stream(stream.who, offer, SLOTS)
        stream.peer = connected.peer
        self._by_peer[connected.peer] = stream
        return connected.answer_sdp

    # ---- being there

    def get(self, stream_id: str, token: str | None) -> Stream:
        """Return a stream; a `token`, where one is given, must be its link's.

        Raise `Refused`: unknown_stream, not_allowed.
        """
        stream = self._streams.get(StreamId(stream_id))
        if stream is None or stream.peer is None:
            raise Refused("unknown_stream", 404)
        if token is not None and not compare_digest(_digest(token), stream.token_digest):
            raise Refused("not_allowed", 403)
        return stream

    def patch(self, stream: Stream, tags: tuple[str, ...] | None, text: str) -> str | None:
        """Take a fragment of whoever names the present ICE session by one of `tags`, or any by `ANY`.

        Returns None for candidates; for other credentials under `ANY`, our new ones: ICE starts again.
        Raise `Refused`: precondition_required, precondition_failed, offer_refused with `reason`.
        """
        if tags is None:
            raise Refused("precondition_required", 428)
        if ANY not in tags and stream.tag not in tags:
            raise Refused("precondition_failed", 412)
        fragment = _reading(lambda: read_fragment(text))
        if ANY not in tags or fragment.ice_ufrag in (None, stream.remote_ufrag):
            return None
        ours = self._rooms.staging.restart_ice(stream.who, fragment.ice_ufrag)
        stream.remote_ufrag, stream.tag = fragment.ice_ufrag, ids.new()
        return self._media.fragment(ours, stream.bundle)

    # ---- going

    async def delete(self, stream_id: str, token: str | None) -> None:
        """End a stream by its own wish.  Raise `Refused` as `get`.

        Clients close their media first: such a goodbye ends the stream already, and that is no error.
        """
        ending = self._goodbyes.get(StreamId(stream_id))
        await (self.end(self.get(stream_id, token)) if ending is None else asyncio.shield(ending))

    async def end(self, stream: Stream) -> None:
        """End a stream: its seat is free, its place on the stage, too."""
        if stream.stream_id not in self._streams:
            return
        if self._rooms.staging.is_on_stage(stream.who):
            await _despite_trouble(lambda: self._rooms.staging.quit(stream.who), "stage_not_left")
        self._forget(stream)
        await self._release(stream)

    def media_event(self, event: EngineEvent) -> None:
        """What the media engine reports, after the rooms heard of it."""
        if not isinstance(event, PeerGone) or (stream := self._by_peer.get(event.peer)) is None:
            return
        if event.reason is GoneReason.CLOSED:
            self._goodbyes[stream.stream_id] = self._send(self.end(stream))
            asyncio.get_running_loop().call_later(GOODBYE_S, self._goodbyes.pop, stream.stream_id)
            return
        _log.info("stream_lost", way=stream.way, reason=event.reason)
        self._forget(stream)
        self._send(self._release(stream))

    async def on_closing(self, connection_id: ConnectionId, _closing: Closing) -> None:
        """The seat is another's or gone: nothing more flows once this returns."""
        stream = self._by_connection.get(connection_id)
        if stream is not None:
            self._forget(stream)

    async def close(self) -> None:
        """End every stream, so that their links are free at once; who publishes keeps the place."""
        for stream in list(self._streams.values()):
            self._forget(stream)
            self._send(self._release(stream))
        await asyncio.gather(*self._endings, return_exceptions=True)

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream.stream_id, None)
        self._by_connection.pop(stream.who.connection_id, None)
        if stream.peer is not None:
            self._by_peer.pop(stream.peer, None)
        self._rooms.left(stream.who)

    async def _release(self, stream: Stream) -> None:
        await _despite_trouble(lambda: self._access.release(stream.who), "seat_not_released")

    def _send(self, ending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task


async def _despite_trouble(step: Callable[[], Coroutine[Any, Any, None]], event: str) -> None:
    try:
        await step()
    except Refused as refused:
        _log.warning(event, code=refused.code)


def _reading(read: Callable[[], _T]) -> _T:
    """Return what is read.  What is no SDP is a bad request; what is and does not suit us, another thing."""
    try:
        return read()
    except NegotiationRefused as refused:
        status = 400 if refused.code.startswith("sdp_") else 422
        raise Refused("offer_refused", status, {"reason": refused.code}) from refused


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
