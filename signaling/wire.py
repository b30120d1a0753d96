"""Every payload of the `/room` namespace, typed: with `tables.py` the one source of the protocol.

`docs/protocol.md` and `web/src/wire.ts` are generated from the two (`python -m signaling.generate`).

    client ──request──► server      acknowledged with {"ok": reply} or {"error": {"code", "detail"}}
    server ──notice───► client      never acknowledged; a fresh `room.snapshot` repairs any that was lost

Invariant: *old snapshot + notices = fresh snapshot*, for every role.  What a notice changes in a snapshot is
said at the notice; `room.snapshot` replaces everything.

Units: `_s` seconds; instants are RFC 3339 in UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from room_server.access.rules import ClosingReason, Role
from room_server.events.rules import ChatMode, RoomType, SessionState
from room_server.room.chat import MAX_TEXT_CHARS, MessageState
from room_server.room.course import HandBack, PlaybackState
from room_server.room.stage import Picture
from signaling.payload import Identifier, Instant, Seconds, Wire

MAX_SDP_BYTES = 65_536
MAX_PACKET_BYTES = 262_144
"""The largest Socket.IO packet the server reads; a longer one closes the connection that sent it."""
PING_EVERY_S = 10
PING_TIMEOUT_S = 10
"""How long a client may take to answer a ping before its connection counts as gone."""


# ---- parts shared by several events


class Person(Wire):
    person_id: Identifier
    name: str
    role: Role


class Me(Person):
    """The reader: their own entry, with what they may do.

    `may_publish`: hosts and moderators always, a participant while `stage` lists them as invited or on it.
    """

    may_publish: bool
    may_moderate: bool
    may_host: bool


class Message(Wire):
    """A chat message as its reader may see it.  `by_team` marks hosts and moderators.

    `mode` is the chat's as it was posted: what was posted in `reply_later` is never published.
    """

    message_id: Identifier
    author_id: Identifier
    author_name: str
    by_team: bool
    text: str
    state: MessageState
    sent_at: Instant
    mode: ChatMode


class Cta(Wire):
    """A timed link shown under the programme; `url` is https."""

    cta_id: Identifier
    title: str
    text: str
    label: str
    url: str


class VideoCodec(StrEnum):
    """What video may be published in; a browser does without H.264."""

    VP8 = "vp8"
    H264 = "h264"
    VP9 = "vp9"
    AV1 = "av1"


class StagePerson(Wire):
    """Somebody on the stage.

    A slot is null while they publish nothing of that kind, and while the stage is closed: before the session
    is on air, and in an automated session while its timeline plays.  `muted`: by a moderator.
    `shows`: what their video is.  A screen is to be shown whole.  `speaking`: their voice is heard.
    `needs`: the codec without which a viewer sees nothing of them, null for what everybody decodes.
    """

    person_id: Identifier
    name: str
    audio_slot: int | None
    video_slot: int | None
    muted: bool
    shows: Picture
    speaking: bool
    needs: VideoCodec | None = None


class Stage(Wire):
    """Who is on the stage, and who was invited to it."""

    on_stage: tuple[StagePerson, ...]
    invited: tuple[Identifier, ...]


class TimelineItem(Wire):
    """A media item as hosts see it; times count from the session's start."""

    item_id: Identifier
    title: str
    offset_s: Seconds
    duration_s: Seconds
    buffer_s: Seconds


class TimelineView(Wire):
    """The timeline as hosts see it, and every CTA they may launch."""

    items: tuple[TimelineItem, ...]
    ctas: tuple[Cta, ...]
    length_s: Seconds


class SessionView(Wire):
    """The session this room belongs to; `starts_at` is what was planned, `started_at` what happened."""

    session_id: Identifier
    event_title: str
    title: str | None
    room_type: RoomType
    starts_at: Instant
    time_zone: str
    state: SessionState
    started_at: Instant | None
    accent: str


class Slots(Wire):
    """How many receive slots of each kind a client offers.  Slot 0 of each kind is the programme's.

    Audio slot k and video slot k carry the same person.
    """

    audio: int
    video: int


# ---- requests: client to server


class Nothing(Wire):
    """An empty payload or reply."""


class MediaOffer(Wire):
    """An SDP offer, answered with the SDP answer.  A new offer replaces the peer of the one before."""

    sdp: Annotated[str, Field(max_length=MAX_SDP_BYTES)]


class MediaAnswer(Wire):
    """The SDP answer to an offer."""

    sdp: str


class MediaRestart(Wire):
    """The client's new name (RFC 8839 section 5.4): the connection goes on, from another address too."""

    ice_ufrag: Annotated[str, Field(min_length=4, max_length=256)]


class MediaRestarted(Wire):
    """The server's name and password from now on, in the place of the answer's."""

    ice_ufrag: str
    ice_pwd: str


class MediaView(Wire):
    """How high a video slot is shown, in CSS pixels × device pixel ratio; 0 pauses it for this viewer."""

    slot: Annotated[int, Field(ge=0, le=15)]
    max_height: Annotated[int, Field(ge=0, le=4320)]


class ChatPost(Wire):
    """`key` is the client's own, one a message: a retry with the same key makes no second message."""

    key: Identifier
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]


class MessageRef(Wire):
    """One message."""

    message_id: Identifier


class ChatSetMode(Wire):
    """The chat mode from now on."""

    mode: ChatMode


class PersonRef(Wire):
    """One person of the room."""

    person_id: Identifier


class StageLeave(Wire):
    """Leave the stage; a moderator may name somebody else.  A participant's invitation ends with it."""

    person_id: Identifier | None = None


class StageShow(Wire):
    """What one's video shows from now on: told anew after each connection."""

    shows: Picture


class PlaybackHandBack(Wire):
    """Where the timeline goes on: where it was left, or where it would be had nobody taken over."""

    where: HandBack


class PlaybackSkipTo(Wire):
    """The item to start now."""

    item_id: Identifier


class PlaybackExtendBuffer(Wire):
    """Seconds added to the buffer of the present item; everything after it moves."""

    seconds: Annotated[int, Field(ge=5, le=600)]


class PlaybackShortenBuffer(Wire):
    """Seconds taken off the buffer of the present item; everything after it moves."""

    seconds: Annotated[int, Field(ge=5, le=600)]


class CtaRef(Wire):
    """One CTA."""

    cta_id: Identifier


# ---- notices: server to client


class PlaybackPosition(Wire):
    """Where the timeline stands at `server_time`.

    `position_s` counts on the timeline; `item_position_s` within the item, trim included.
    `left_s` is what remains of the present item, buffer or gap; `taken_over_by` names the host who paused it.
    """

    item_id: Identifier | None
    position_s: Seconds
    item_position_s: Seconds
    left_s: Seconds | None
    state: PlaybackState
    recorded: bool
    length_s: Seconds
    taken_over_by: str | None
    server_time: Instant


class Snapshot(Wire):
    """Everything the reader may know of the room.

    `people` lists everyone for hosts and moderators, contributors only for participants.
    `held` are the reader's own held messages or, for moderators, everyone's: a queue of the oldest 500, where
    one decided lets the next in (`chat.held`).
    `timeline` is null but for hosts of an automated session.
    """

    session: SessionView
    me: Me
    people: tuple[Person, ...]
    count: int
    chat_mode: ChatMode
    messages: tuple[Message, ...]
    held: tuple[Message, ...]
    ctas: tuple[Cta, ...]
    stage: Stage
    slots: Slots
    playback: PlaybackPosition | None
    timeline: TimelineView | None
    server_time: Instant


class RoomPerson(Wire):
    """Somebody came (`here`) or left.  Participants hear of contributors only."""

    person: Person
    here: bool


class RoomCount(Wire):
    """Real people connected now, hosts included."""

    count: int


class ChatMessage(Wire):
    """A message was published: it leaves `held`, joins `messages` (by `sent_at`, then `message_id`)."""

    message: Message


class ChatHeld(Wire):
    """A message waits, in mode `moderated` or `reply_later`: told to its author and to moderators only."""

    message: Message


class ChatRemoved(Wire):
    """A held message was rejected and leaves `held`: told to its author and to moderators only."""

    message_id: Identifier


class ChatModeChanged(Wire):
    """The chat mode changed; held messages stay held."""

    mode: ChatMode


class CtaShow(Wire):
    """A CTA appears; shown again, it is shown once."""

    cta: Cta


class SessionStateChanged(Wire):
    """The session started or ended."""

    state: SessionState
    started_at: Instant | None


class MediaLayers(Wire):
    """The layers, by RTP stream id, of what the reader sends as `mid` that somebody watches: others may rest.

    Counts for the peer of the latest `media.offer`, whose layers are all sent to begin with.
    """

    mid: str
    rids: tuple[str, ...]


class MediaCodecs(Wire):
    """What everybody in the room decodes: send video in no other codec.  It never grows while a room is open.

    Told with the answer of whoever may publish, and when it changes; until then send VP8.
    """

    codecs: tuple[VideoCodec, ...]


class MediaLost(Wire):
    """The server lost the reader's media, and not by the reader's wish: offer anew, wait for no timeout.

    Counts for the peer of the latest answer; one that is being offered meanwhile is not meant.
    """


class SeatMoved(Wire):
    """The seat went to another connection; this one closes and must not come back by itself."""

    device: str
    at: Instant


class SeatRemoved(Wire):
    """The seat is gone, with its media; the connection closes."""

    reason: ClosingReason
