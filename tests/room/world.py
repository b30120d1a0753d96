"""A node's rooms on a real database, with media, fan-out and time in the test's hands."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from media.codecs import PUBLISHED
from media.engine import (
    Connected,
    EngineRefused,
    IceCredentials,
    Muting,
    NegotiationRefused,
    Offer,
    PeerId,
    Publishing,
    RoomKey,
    TrackId,
)
from playback.timeline import MediaItem, OverlayItem, OverlayKind, Timeline
from room_server.access.rules import Admission, Closing, Role, TakeOver
from room_server.access.service import Access
from room_server.access.tokens import ServerKey
from room_server.accounts.service import Workspaces
from room_server.clock import AnchoredClock, Clock
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events.service import ChatMode, EventPlan, Events, RoomType, Session, SessionPlan
from room_server.ids import ConnectionId, CtaId, LinkId, NodeId, SessionId
from room_server.room.course import Cta
from room_server.room.live import Room
from room_server.room.notices import Notice, Snapshot
from room_server.room.plan import Plans
from room_server.room.ports import Fanout, MediaPort, Ports
from room_server.room.service import RoomService
from room_server.storage import Database, Place, Reading, Transaction
from tests.kit.database import migrated
from tests.room.waiting import until

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
START_NS = 10**12

OFFER = Cta(CtaId("offer"), "Offer", "Half price", "Buy", "https://example.org/", shown_s=30)
MORE = Cta(CtaId("more"), "More", "", "Read", "https://example.org/more", shown_s=30)
TIMELINE = Timeline(
    (
        MediaItem("one", "One", "film", 0.0, 60.0, buffer_s=10.0),
        MediaItem("two", "Two", "film", 80.0, 60.0, buffer_s=10.0),
    ),
    (OverlayItem("offer", OverlayKind.CTA, 50.0, 40.0),),
)


class ManualClock:
    """Time moves when the test says so; `step` sets the wall clock alone."""

    def __init__(self) -> None:
        self._passed = timedelta(0)
        self._stepped = timedelta(0)

    def now(self) -> datetime:
        return NOON + self._passed + self._stepped

    def monotonic_ns(self) -> int:
        return START_NS + self._passed // timedelta(microseconds=1) * 1_000

    def to_monotonic_ns(self, at: datetime) -> int:
        return START_NS + (at - self._stepped - NOON) // timedelta(microseconds=1) * 1_000

    def anchored(self, now: datetime) -> Clock:
        return AnchoredClock(now, self.monotonic_ns)

    def advance(self, seconds: float) -> None:
        self._passed += timedelta(seconds=seconds)

    def step(self, seconds: float) -> None:
        self._stepped += timedelta(seconds=seconds)


class FakeSource:
    """An injected source that keeps what is written since the last flush: codec, data, instant."""

    def __init__(self, number: int) -> None:
        self.audio, self.video = TrackId(number), TrackId(number + 1)
        self.written: list[tuple[str, bytes, int]] = []
        self.closed = False

    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        self.written.append((codec, data, at_ns))

    def hold(self, until_ns: int) -> None:
        self.written = [entry for entry in self.written if entry[2] < until_ns]

    def flush(self) -> None:
        self.written.clear()

    def close(self) -> None:
        self.closed = True


class FakeMedia:
    """Rooms, peers and layouts, remembered."""

    def __init__(self) -> None:
        self.rooms: set[RoomKey] = set()
        self.peers: dict[PeerId, tuple[RoomKey, Publishing]] = {}
        self.layouts: dict[RoomKey, tuple[tuple[TrackId | None, ...], ...]] = {}
        self.muted: set[TrackId] = set()
        self.decodes = frozenset(PUBLISHED)
        self.views: list[tuple[PeerId, int, int]] = []
        self.sources: list[FakeSource] = []
        self.refused_openings = 0
        self._next = 100

    def open_room(self, room: RoomKey) -> None:
        if self.refused_openings > 0:
            self.refused_openings -= 1
            raise EngineRefused("too_many_rooms")
        self.rooms.add(room)

    def close_room(self, room: RoomKey) -> None:
        self.rooms.discard(room)
        self.peers = {peer: one for peer, one in self.peers.items() if one[0] != room}

    def connect(self, room: RoomKey, offer_sdp: str, may_publish: Publishing) -> Connected:
        if not offer_sdp.startswith("v=0"):
            raise NegotiationRefused("malformed", "no SDP")
        assert room in self.rooms
        self._next += 1
        peer = PeerId(self._next)
        self.peers[peer] = (room, may_publish)
        return Connected(peer, f"v=0 answer for {peer}", (), self.decodes)

    def connect_stream(self, room: RoomKey, offer: Offer, first_slot: int) -> Connected:
        return self.connect(room, "v=0", Publishing.ALLOWED)

    def restart_ice(self, peer: PeerId, remote_ufrag: str) -> IceCredentials:
        return IceCredentials(f"{remote_ufrag}-for-{peer}", "password")

    def disconnect(self, peer: PeerId) -> None:
        self.peers.pop(peer, None)

    def add_source(self, room: RoomKey) -> FakeSource:
        self.sources.append(FakeSource(1_000 + 2 * len(self.sources)))
        return self.sources[-1]

    def set_layout(
        self, room: RoomKey, audio: Sequence[TrackId | None], video: Sequence[TrackId | None]
    ) -> None:
        self.layouts[room] = (tuple(audio), tuple(video))

    def set_muted(self, track: TrackId, muted: Muting) -> None:
        (self.muted.add if muted is Muting.MUTED else self.muted.discard)(track)

    def set_view(self, peer: PeerId, slot: int, max_height: int) -> None:
        self.views.append((peer, slot, max_height))


class KeptNotices:
    """A fan-out that keeps what each connection was told."""

    def __init__(self) -> None:
        self.told: dict[ConnectionId, list[Notice]] = {}

    def tell(self, to: Iterable[ConnectionId], notice: Notice) -> None:
        for connection in to:
            self.told.setdefault(connection, []).append(notice)

    def to(self, who: Admission) -> list[Notice]:
        return self.told.get(who.connection_id, [])

    def forget(self) -> None:
        self.told.clear()


class Storage(Database):
    """The real database, which refuses with `trouble` while the test says so.

    `before_commit` happens once, when the next transaction has written everything.
    """

    trouble: str | None = None
    before_commit: Callable[[], Awaitable[object]] | None = None
    reads = 0
    refused_writes = 0

    @asynccontextmanager
    async def transaction(self, place: Place = Place.ORDINARY) -> AsyncIterator[Transaction]:
        if self.trouble is not None:
            self.refused_writes += 1
            raise Refused(self.trouble, 503)
        async with super().transaction(place) as tx:
            yield tx
            happening, self.before_commit = self.before_commit, None
            if happening is not None:
                await happening()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        self.reads += 1
        if self.trouble == "storage_away":  # a full disk can be read
            raise Refused(self.trouble, 503)
        async with super().reading() as reading:
            yield reading


class ThisNode:
    """The only node there is."""

    def current(self) -> Node:
        return Node(NodeId("node"), 1)


@dataclass
class World:
    """Everything a test of the room's services holds."""

    db: Storage
    clock: ManualClock
    folder: Path
    events: Events
    access: Access
    plans: Plans
    media: FakeMedia
    notices: KeptNotices
    ports: Ports
    rooms: RoomService
    closed: list[tuple[ConnectionId, Closing]] = field(default_factory=list)
    admitted: dict[ConnectionId, Admission] = field(default_factory=dict)

    async def session(
        self,
        room_type: RoomType = RoomType.LIVE,
        mode: ChatMode = ChatMode.OPEN,
        *,
        starts_in_s: float = 60,
        timeline: Timeline = TIMELINE,
    ) -> Session:
        """A session that people may join; an automated one with a plan."""
        workspace = await Workspaces(self.db).create("Workspace")
        event = await self.events.create_event(workspace, EventPlan(title="Event"))
        starts_at = self.clock.now() + timedelta(seconds=starts_in_s)
        plan = SessionPlan(
            room_type=room_type,
            starts_at=starts_at,
            time_zone="Europe/Paris",
            planned_length_s=150,
            chat_mode=mode,
        )
        session = await self.events.create_session(event, plan)
        if room_type is RoomType.AUTOMATED:
            await self.plans.save(session.session_id, timeline, (OFFER, MORE))
        return session

    async def seat(self, session_id: SessionId, name: str, role: Role = Role.PARTICIPANT) -> Admission:
        """Somebody with a new link who holds their seat, not yet in the room."""
        link = await self.access.issue_link(session_id, name, role, "en")
        return await self.sit(link.link_id, session_id)

    async def sit(self, link_id: LinkId, session_id: SessionId, device_key: str = "key") -> Admission:
        links = {link.link_id: link for link in await self.access.links(session_id)}
        token = self.access.token(links[link_id])
        taken = await self.access.take_seat(token, device_key, TakeOver.MOVE, "Firefox on Linux")
        return await self.access.redeem(taken.ticket)

    async def join(self, session_id: SessionId, name: str, role: Role = Role.PARTICIPANT) -> Admission:
        """Somebody with a new link, in the room."""
        return await self.enter(await self.seat(session_id, name, role))

    async def enter(self, who: Admission) -> Admission:
        self.admitted[who.connection_id] = who
        await self.rooms.admitted(who)
        return who

    async def leave(self, who: Admission) -> None:
        self.rooms.left(who)
        await self.access.release(who)

    async def on_closing(self, connection_id: ConnectionId, closing: Closing) -> None:
        self.closed.append((connection_id, closing))
        who = self.admitted.get(connection_id)
        if who is not None:
            self.rooms.left(who)

    def snapshot(self, who: Admission) -> Snapshot:
        """The first notice that `who` was told."""
        first = self.notices.to(who)[0]
        assert isinstance(first, Snapshot)
        return first

    async def restart(self) -> None:
        """A new process on the same database: nothing in memory survives."""
        await self.rooms.close()
        self.media.__init__()  # type: ignore[misc]
        self.notices.forget()
        self.rooms = RoomService(self.ports)


@asynccontextmanager
async def world(
    folder: Path, fanout: Fanout | None = None, engine: MediaPort | None = None
) -> AsyncIterator[World]:
    """Open a world in `folder`; `fanout` and `engine` stand in for what keeps notices and fakes media."""
    clock = ManualClock()
    shutil.copy(await migrated(), folder / "rooms.sqlite")
    db = await Storage.open(folder / "rooms.sqlite", wall=clock.now)
    events = Events(db)
    access = Access(db, ServerKey(b"k" * 32), ThisNode())
    media, notices = FakeMedia(), KeptNotices()
    ports = Ports(
        db=db,
        events=events,
        seats=access,
        node=ThisNode(),
        media=engine or media,
        fanout=fanout or notices,
        clock=clock,
        asset_folder=lambda asset_id: folder / asset_id,
    )
    built = World(db, clock, folder, events, access, Plans(db), media, notices, ports, RoomService(ports))
    access.on_closing = built.on_closing
    try:
        yield built
    finally:
        await built.rooms.close()
        await db.close()


def room_of(here: World, session: Session) -> Room:
    """The live room of a session that is loaded."""
    room = here.rooms._rooms.here(session.session_id)
    assert room is not None
    return room


async def pass_time(here: World, session: Session, seconds: float) -> None:
    """Let time pass for a room that is on air, and let what follows happen."""
    here.clock.advance(seconds)
    room_of(here, session).pulse()
    await asyncio.sleep(0)


async def on_air(here: World, session: Session) -> None:
    """Let the time of an automated session come, and wait until it is on air."""
    here.clock.advance((session.starts_at - here.clock.now()).total_seconds())
    await here.rooms.start()

    def started() -> bool:
        room = here.rooms._rooms.here(session.session_id)
        return room is not None and room.state.transport is not None and room.programme is not None

    await until(started)
