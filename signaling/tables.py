"""The events of the `/room` namespace: payloads, who may send them, how often, how they are refused.

Each request has one handler, registered under the same name in `signaling.server`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from signaling.payload import Wire
from signaling.wire import (
    ChatHeld,
    ChatMessage,
    ChatModeChanged,
    ChatPost,
    ChatRemoved,
    ChatSetMode,
    CtaRef,
    CtaShow,
    MediaAnswer,
    MediaCodecs,
    MediaLayers,
    MediaLost,
    MediaOffer,
    MediaRestart,
    MediaRestarted,
    MediaView,
    Message,
    MessageRef,
    Nothing,
    PersonRef,
    PlaybackExtendBuffer,
    PlaybackHandBack,
    PlaybackPosition,
    PlaybackShortenBuffer,
    PlaybackSkipTo,
    RoomCount,
    RoomPerson,
    SeatMoved,
    SeatRemoved,
    SessionStateChanged,
    Snapshot,
    Stage,
    StageLeave,
    StageShow,
    TimelineView,
)


class WireError(Wire):
    """What a refused request is acknowledged with.  `detail` is for people, in the reader's language.

    `field` names the field of a `bad_request`; `retry_after_s` comes with `too_fast`.
    """

    code: str
    detail: str
    field: str | None = None
    retry_after_s: float | None = None


ERRORS: dict[str, str] = {
    "bad_request": "The payload is not what this event takes; `field` names the first wrong field.",
    "too_fast": "More of these than the event's limit; try again after `retry_after_s`.",
    "not_allowed": "The sender's role may not do this.",
    "seat_moved": "The seat went to another connection or was removed; nothing was done.",
    "storage_full": "The server's disk is full; nothing was done.",
    "storage_away": "The server's database cannot be reached; nothing was done.",
    "node_away": "The server may not act at present; nothing was done.",
    "run_lost": "Another server runs this session now; nothing was done.",
    "plan_changed": "The timeline was changed meanwhile; nothing was done.",
    "internal": "An error of the server, recorded under the id that `detail` gives.",
    "session_not_on_air": "Only while the session is on air.",
    "session_over": "The session is over.",
    "session_cancelled": "The session was cancelled.",
    "already_on_air": "The session is on air already.",
    "starts_by_itself": "An automated session starts at its time, by itself.",
    "not_automated": "Only an automated session has a timeline.",
    "chat_closed": "The chat mode is `none`.",
    "text_empty": "Nothing is left of the text once control characters and outer space are gone.",
    "unknown_message": "No such message in this room.",
    "already_decided": "The message was approved or rejected already.",
    "chat_collecting": "What was posted in mode `reply_later` stays with the team.",
    "unknown_person": "No such person in this room.",
    "not_yourself": "One cannot remove oneself.",
    "not_invited": "A participant enters the stage by invitation.",
    "stage_full": "Every place on the stage is taken.",
    "already_taken_over": "A host has taken over already.",
    "not_taken_over": "Nobody has taken over.",
    "unknown_item": "No such item on the timeline.",
    "no_buffer": "No media item is playing or in its buffer.",
    "buffer_spent": "Fewer seconds are left of the buffer.",
    "unknown_cta": "No such CTA in this session.",
    "cta_not_shown": "The CTA is not on show.",
    "room_full": "The room takes no more media connections.",
    "no_offer": "`media.view` and `media.restart` need a `media.offer` first.",
    "offer_refused": "The SDP offer cannot be answered; `detail` says why.",
}
"""The codes a request may be refused with."""

CONNECT_ERRORS: dict[str, str] = {
    "room_full": "The server takes no more rooms.",
    "ticket_invalid": "The ticket is unknown, used, or older than ten seconds: join again over HTTP.",
    "removed": "The person was removed from the session.",
    "link_revoked": "The access link is no longer valid.",
    "link_frozen": "The access link saw too many changes of device.",
    "session_over": "The session is over.",
    "session_cancelled": "The session was cancelled.",
}
"""The codes a connection may be refused with, as the `message` of Socket.IO's connect error."""


class Sender(StrEnum):
    """Who may send a request."""

    ANYONE = "anyone"
    ON_INVITATION = "hosts, moderators and invited participants"
    MODERATOR = "hosts and moderators"
    HOST = "hosts"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: payload, reply, who may send it, and how many per `per_s` seconds and connection."""

    payload: type[Wire]
    reply: type[Wire]
    sender: Sender = Sender.ANYONE
    limit: int = 20
    per_s: int = 10
    does: str = ""


REQUESTS: dict[str, Request] = {
    "media.offer": Request(
        MediaOffer,
        MediaAnswer,
        limit=6,
        per_s=60,
        does="Connects media, or anew.  Who may not publish gets those m-lines answered inactive.",
    ),
    "media.restart": Request(
        MediaRestart,
        MediaRestarted,
        limit=6,
        per_s=60,
        does="Restarts the ICE of the latest `media.offer`, after a change of network.",
    ),
    "media.view": Request(MediaView, Nothing, limit=60, does="Says how high a video slot is shown."),
    "chat.post": Request(
        ChatPost, Message, limit=10, does="Posts a message; the reply says whether it is published or held."
    ),
    "chat.approve": Request(
        MessageRef, Nothing, Sender.MODERATOR, limit=100, does="Publishes a held message."
    ),
    "chat.reject": Request(MessageRef, Nothing, Sender.MODERATOR, limit=100, does="Rejects a held message."),
    "chat.set_mode": Request(ChatSetMode, Nothing, Sender.MODERATOR, does="Changes the chat mode."),
    "session.start": Request(Nothing, Nothing, Sender.HOST, does="Puts a live session on air."),
    "session.end": Request(Nothing, Nothing, Sender.HOST, does="Ends the session for everyone."),
    "stage.invite": Request(
        PersonRef, Nothing, Sender.MODERATOR, does="Lets a participant publish and enter the stage."
    ),
    "stage.enter": Request(
        Nothing, Nothing, Sender.ON_INVITATION, does="Enters the stage: what one publishes is forwarded."
    ),
    "stage.leave": Request(StageLeave, Nothing, does="Leaves the stage, or sends somebody off it."),
    "stage.show": Request(
        StageShow,
        Nothing,
        Sender.ON_INVITATION,
        does="Says whether one's video is a camera or a shared screen.",
    ),
    "person.mute": Request(PersonRef, Nothing, Sender.MODERATOR, does="Silences somebody at the server."),
    "person.unmute": Request(PersonRef, Nothing, Sender.MODERATOR, does="Lets somebody be heard again."),
    "person.remove": Request(
        PersonRef, Nothing, Sender.MODERATOR, does="Removes somebody from the session, for good."
    ),
    "playback.take_over": Request(
        Nothing, Nothing, Sender.HOST, does="Pauses the timeline and opens the stage."
    ),
    "playback.hand_back": Request(
        PlaybackHandBack, Nothing, Sender.HOST, does="Closes the stage and goes on with the timeline."
    ),
    "playback.skip_to": Request(PlaybackSkipTo, Nothing, Sender.HOST, does="Starts an item now."),
    "playback.extend_buffer": Request(
        PlaybackExtendBuffer, Nothing, Sender.HOST, does="Lengthens the buffer of the present item."
    ),
    "playback.shorten_buffer": Request(
        PlaybackShortenBuffer,
        Nothing,
        Sender.HOST,
        does="Takes seconds back from the buffer of the present item.",
    ),
    "cta.launch": Request(CtaRef, Nothing, Sender.HOST, does="Shows a CTA to everyone now."),
    "cta.withdraw": Request(
        CtaRef, Nothing, Sender.HOST, does="Takes a CTA that is on show back from everyone."
    ),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: its payload and who is told."""

    payload: type[Wire]
    told: str = "everyone"


NOTICES: dict[str, Notice] = {
    "room.snapshot": Notice(Snapshot, "whoever connects"),
    "room.person": Notice(
        RoomPerson, "hosts and moderators; participants too when a host or moderator comes or goes"
    ),
    "room.count": Notice(RoomCount),
    "chat.message": Notice(ChatMessage),
    "chat.held": Notice(ChatHeld, "the author, hosts and moderators"),
    "chat.removed": Notice(ChatRemoved, "the author, hosts and moderators"),
    "chat.mode": Notice(ChatModeChanged),
    "cta.show": Notice(CtaShow),
    "cta.hide": Notice(CtaRef),
    "stage.changed": Notice(Stage),
    "media.layers": Notice(MediaLayers, "whoever publishes in layers"),
    "media.codecs": Notice(MediaCodecs, "whoever may publish"),
    "media.lost": Notice(MediaLost, "whose media the server lost"),
    "playback.position": Notice(PlaybackPosition),
    "playback.timeline": Notice(TimelineView, "hosts"),
    "session.state": Notice(SessionStateChanged),
    "seat.moved": Notice(SeatMoved, "the connection that lost its seat"),
    "seat.removed": Notice(SeatRemoved, "the connection that lost its seat"),
}
