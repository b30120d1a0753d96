"""What a room tells, as values: the signalling turns each into one event of the wire.

Attributes bear the names of the wire's fields.  Invariant: *old snapshot + notices = fresh snapshot*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from media.codecs import Codec
from room_server.access.rules import ClosingReason, Role
from room_server.events.rules import ChatMode, RoomType, SessionState
from room_server.ids import CtaId, MessageId, PersonId, SessionId
from room_server.room.chat import Message
from room_server.room.course import Cta, Position
from room_server.room.stage import StageView


@dataclass(frozen=True, slots=True)
class PersonView:
    person_id: PersonId
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class MeView:
    person_id: PersonId
    name: str
    role: Role
    may_publish: bool
    may_moderate: bool
    may_host: bool


@dataclass(frozen=True, slots=True)
class SessionView:
    session_id: SessionId
    event_title: str
    title: str | None
    room_type: RoomType
    starts_at: datetime
    time_zone: str
    state: SessionState
    started_at: datetime | None
    accent: str


@dataclass(frozen=True, slots=True)
class ItemView:
    item_id: str
    title: str
    offset_s: float
    duration_s: float
    buffer_s: float


@dataclass(frozen=True, slots=True)
class TimelineView:
    items: tuple[ItemView, ...]
    ctas: tuple[Cta, ...]
    length_s: float


@dataclass(frozen=True, slots=True)
class SlotsView:
    audio: int
    video: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    session: SessionView
    me: MeView
    people: tuple[PersonView, ...]
    count: int
    chat_mode: ChatMode
    messages: tuple[Message, ...]
    held: tuple[Message, ...]
    ctas: tuple[Cta, ...]
    stage: StageView
    slots: SlotsView
    playback: Position | None
    timeline: TimelineView | None
    server_time: datetime


@dataclass(frozen=True, slots=True)
class PersonCameOrWent:
    person: PersonView
    here: bool


@dataclass(frozen=True, slots=True)
class CountChanged:
    count: int


@dataclass(frozen=True, slots=True)
class MessagePublished:
    message: Message


@dataclass(frozen=True, slots=True)
class MessageHeld:
    message: Message


@dataclass(frozen=True, slots=True)
class MessageRejected:
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class ChatModeChanged:
    mode: ChatMode


@dataclass(frozen=True, slots=True)
class CtaShown:
    cta: Cta


@dataclass(frozen=True, slots=True)
class CtaHidden:
    cta_id: CtaId


@dataclass(frozen=True, slots=True)
class SessionStateChanged:
    state: SessionState
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class LayersWanted:
    mid: str
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodecsDecoded:
    codecs: tuple[Codec, ...]


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The reader's media ended at the server, and not by the reader's wish."""


@dataclass(frozen=True, slots=True)
class SeatMoved:
    device: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatRemoved:
    reason: ClosingReason


Notice = (
    Snapshot
    | PersonCameOrWent
    | CountChanged
    | MessagePublished
    | MessageHeld
    | MessageRejected
    | ChatModeChanged
    | CtaShown
    | CtaHidden
    | StageView
    | Position
    | TimelineView
    | SessionStateChanged
    | LayersWanted
    | CodecsDecoded
    | MediaLost
    | SeatMoved
    | SeatRemoved
)
