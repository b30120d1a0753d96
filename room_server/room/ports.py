"""What the room's services need of the outside, each as a `Protocol` of what is used and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from media.engine import Connected, IceCredentials, Muting, Offer, PeerId, RoomKey, TrackId
    from media.negotiation import Publishing
    from room_server.access.rules import Admission, ClosingReason, Link
    from room_server.clock import Clock
    from room_server.cluster.node import Node
    from room_server.events.service import Events
    from room_server.ids import ConnectionId, PersonId, SessionId
    from room_server.room.notices import Notice
    from room_server.storage import Database, Transaction


class Source(Protocol):
    """An injected audio and video source; also a `playback.sink.FrameSink`."""

    @property
    def audio(self) -> TrackId: ...
    @property
    def video(self) -> TrackId: ...
    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None: ...
    def hold(self, until_ns: int) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class MediaPort(Protocol):
    """The forwarding engine: `media.engine.Engine`."""

    def open_room(self, room: RoomKey) -> None: ...
    def close_room(self, room: RoomKey) -> None: ...
    def connect(self, room: RoomKey, offer_sdp: str, may_publish: Publishing) -> Connected: ...
    def connect_stream(self, room: RoomKey, offer: Offer, first_slot: int) -> Connected: ...
    def restart_ice(self, peer: PeerId, remote_ufrag: str) -> IceCredentials: ...
    def disconnect(self, peer: PeerId) -> None: ...
    def add_source(self, room: RoomKey) -> Source: ...
    def set_layout(
        self, room: RoomKey, audio: Sequence[TrackId | None], video: Sequence[TrackId | None]
    ) -> None: ...
    def set_muted(self, track: TrackId, muted: Muting) -> None: ...
    def set_view(self, peer: PeerId, slot: int, max_height: int) -> None: ...


class Fanout(Protocol):
    """Tells notices to connections of this node."""

    def tell(self, to: Iterable[ConnectionId], notice: Notice) -> None:
        """Queue `notice`, encoded once, for each connection; never waits, passes over those that are gone."""


class Seats(Protocol):
    """The part of `room_server.access.service.Access` that a room needs."""

    async def check_holds(self, tx: Transaction, admission: Admission) -> None: ...
    async def remove_in(self, tx: Transaction, link: Link, by: PersonId) -> ConnectionId | None: ...
    async def close_removed(self, link: Link, displaced: ConnectionId | None) -> None: ...
    async def close_session(self, session_id: SessionId, reason: ClosingReason) -> None: ...
    async def evict(self, admission: Admission, reason: ClosingReason) -> None: ...


class CurrentNode(Protocol):
    """Says which node this process is; raises `Refused("node_away")` while it may not act."""

    def current(self) -> Node: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them, as `main` puts them together; `asset_folder` says where a prepared asset lies."""

    db: Database
    events: Events
    seats: Seats
    node: CurrentNode
    media: MediaPort
    fanout: Fanout
    clock: Clock
    asset_folder: Callable[[str], Path]
