// Generated from signaling/wire.py and signaling/tables.py by `make docs`. Do not edit.

/** An instant, RFC 3339 in UTC, always with six decimals: as text, instants sort as they followed. */
export type Instant = string;

export const MAX_SDP_BYTES = 65536;
export const MAX_TEXT_CHARS = 2000;
export const MAX_PACKET_BYTES = 262144;
export const HISTORY_MESSAGES = 500;

export type ChatMode =
	| "open"
	| "none"
	| "moderated"
	| "reply_later";

export type HandBack =
	| "left_off"
	| "scheduled";

export type MessageState =
	| "published"
	| "held"
	| "rejected";

export type Picture =
	| "camera"
	| "screen";

export type PlaybackState =
	| "waiting"
	| "playing"
	| "buffer"
	| "gap"
	| "paused"
	| "ended";

export type RemovedReason =
	| "removed"
	| "session_over"
	| "session_cancelled"
	| "link_revoked"
	| "link_frozen";

export type Role =
	| "host"
	| "moderator"
	| "participant";

export type RoomType =
	| "live"
	| "automated";

export type SessionState =
	| "scheduled"
	| "on_air"
	| "ended"
	| "cancelled"
	| "missed";

export type VideoCodec =
	| "vp8"
	| "h264"
	| "vp9"
	| "av1";

export type ErrorCode =
	| "bad_request"
	| "too_fast"
	| "not_allowed"
	| "seat_moved"
	| "storage_full"
	| "storage_away"
	| "node_away"
	| "run_lost"
	| "plan_changed"
	| "internal"
	| "session_not_on_air"
	| "session_over"
	| "session_cancelled"
	| "already_on_air"
	| "starts_by_itself"
	| "not_automated"
	| "chat_closed"
	| "text_empty"
	| "unknown_message"
	| "already_decided"
	| "chat_collecting"
	| "unknown_person"
	| "not_yourself"
	| "not_invited"
	| "stage_full"
	| "already_taken_over"
	| "not_taken_over"
	| "unknown_item"
	| "no_buffer"
	| "buffer_spent"
	| "unknown_cta"
	| "cta_not_shown"
	| "room_full"
	| "no_offer"
	| "offer_refused";

export type ConnectErrorCode =
	| "room_full"
	| "ticket_invalid"
	| "removed"
	| "link_revoked"
	| "link_frozen"
	| "session_over"
	| "session_cancelled";

/**
 * What a refused request is acknowledged with. `detail` is for people, in the reader's language.
 *
 * `field` names the field of a `bad_request`; `retry_after_s` comes with `too_fast`.
 */
export interface WireError {
	readonly code: string;
	readonly detail: string;
	readonly field?: string | null;
	readonly retry_after_s?: number | null;
}

/** An SDP offer, answered with the SDP answer. A new offer replaces the peer of the one before. */
export interface MediaOffer {
	/** 0 to 65,536 characters */
	readonly sdp: string;
}

/** The SDP answer to an offer. */
export interface MediaAnswer {
	readonly sdp: string;
}

/** The client's new name (RFC 8839 section 5.4): the connection goes on, from another address too. */
export interface MediaRestart {
	/** 4 to 256 characters */
	readonly ice_ufrag: string;
}

/** The server's name and password from now on, in the place of the answer's. */
export interface MediaRestarted {
	readonly ice_ufrag: string;
	readonly ice_pwd: string;
}

/** How high a video slot is shown, in CSS pixels × device pixel ratio; 0 pauses it for this viewer. */
export interface MediaView {
	/** 0 to 15 */
	readonly slot: number;
	/** 0 to 4,320 */
	readonly max_height: number;
}

/** An empty payload or reply. */
export type Nothing = Record<string, never>;

/** `key` is the client's own, one a message: a retry with the same key makes no second message. */
export interface ChatPost {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly key: string;
	/** 1 to 2,000 characters */
	readonly text: string;
}

/**
 * A chat message as its reader may see it. `by_team` marks hosts and moderators.
 *
 * `mode` is the chat's as it was posted: what was posted in `reply_later` is never published.
 */
export interface Message {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly message_id: string;
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly author_id: string;
	readonly author_name: string;
	readonly by_team: boolean;
	readonly text: string;
	readonly state: MessageState;
	readonly sent_at: Instant;
	readonly mode: ChatMode;
}

/** One message. */
export interface MessageRef {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly message_id: string;
}

/** The chat mode from now on. */
export interface ChatSetMode {
	readonly mode: ChatMode;
}

/** One person of the room. */
export interface PersonRef {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly person_id: string;
}

/** Leave the stage; a moderator may name somebody else. A participant's invitation ends with it. */
export interface StageLeave {
	readonly person_id?: string | null;
}

/** What one's video shows from now on: told anew after each connection. */
export interface StageShow {
	readonly shows: Picture;
}

/** Where the timeline goes on: where it was left, or where it would be had nobody taken over. */
export interface PlaybackHandBack {
	readonly where: HandBack;
}

/** The item to start now. */
export interface PlaybackSkipTo {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly item_id: string;
}

/** Seconds added to the buffer of the present item; everything after it moves. */
export interface PlaybackExtendBuffer {
	/** 5 to 600 */
	readonly seconds: number;
}

/** Seconds taken off the buffer of the present item; everything after it moves. */
export interface PlaybackShortenBuffer {
	/** 5 to 600 */
	readonly seconds: number;
}

/** One CTA. */
export interface CtaRef {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly cta_id: string;
}

/** The session this room belongs to; `starts_at` is what was planned, `started_at` what happened. */
export interface SessionView {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly session_id: string;
	readonly event_title: string;
	readonly title: string | null;
	readonly room_type: RoomType;
	readonly starts_at: Instant;
	readonly time_zone: string;
	readonly state: SessionState;
	readonly started_at: Instant | null;
	readonly accent: string;
}

export interface Person {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly person_id: string;
	readonly name: string;
	readonly role: Role;
}

/**
 * The reader: their own entry, with what they may do.
 *
 * `may_publish`: hosts and moderators always, a participant while `stage` lists them as invited or on it.
 */
export interface Me extends Person {
	readonly may_publish: boolean;
	readonly may_moderate: boolean;
	readonly may_host: boolean;
}

/** A timed link shown under the programme; `url` is https. */
export interface Cta {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly cta_id: string;
	readonly title: string;
	readonly text: string;
	readonly label: string;
	readonly url: string;
}

/**
 * Somebody on the stage.
 *
 * A slot is null while they publish nothing of that kind, and while the stage is closed: before the session
 * is on air, and in an automated session while its timeline plays. `muted`: by a moderator.
 * `shows`: what their video is. A screen is to be shown whole. `speaking`: their voice is heard.
 * `needs`: the codec without which a viewer sees nothing of them, null for what everybody decodes.
 */
export interface StagePerson {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly person_id: string;
	readonly name: string;
	readonly audio_slot: number | null;
	readonly video_slot: number | null;
	readonly muted: boolean;
	readonly shows: Picture;
	readonly speaking: boolean;
	readonly needs?: VideoCodec | null;
}

/** Who is on the stage, and who was invited to it. */
export interface Stage {
	readonly on_stage: readonly StagePerson[];
	readonly invited: readonly string[];
}

/**
 * How many receive slots of each kind a client offers. Slot 0 of each kind is the programme's.
 *
 * Audio slot k and video slot k carry the same person.
 */
export interface Slots {
	readonly audio: number;
	readonly video: number;
}

/**
 * Where the timeline stands at `server_time`.
 *
 * `position_s` counts on the timeline; `item_position_s` within the item, trim included.
 * `left_s` is what remains of the present item, buffer or gap; `taken_over_by` names the host who paused it.
 */
export interface PlaybackPosition {
	readonly item_id: string | null;
	readonly position_s: number;
	readonly item_position_s: number;
	readonly left_s: number | null;
	readonly state: PlaybackState;
	readonly recorded: boolean;
	readonly length_s: number;
	readonly taken_over_by: string | null;
	readonly server_time: Instant;
}

/** A media item as hosts see it; times count from the session's start. */
export interface TimelineItem {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly item_id: string;
	readonly title: string;
	readonly offset_s: number;
	readonly duration_s: number;
	readonly buffer_s: number;
}

/** The timeline as hosts see it, and every CTA they may launch. */
export interface TimelineView {
	readonly items: readonly TimelineItem[];
	readonly ctas: readonly Cta[];
	readonly length_s: number;
}

/**
 * Everything the reader may know of the room.
 *
 * `people` lists everyone for hosts and moderators, contributors only for participants.
 * `held` are the reader's own held messages or, for moderators, everyone's: a queue of the oldest 500, where
 * one decided lets the next in (`chat.held`).
 * `timeline` is null but for hosts of an automated session.
 */
export interface Snapshot {
	readonly session: SessionView;
	readonly me: Me;
	readonly people: readonly Person[];
	readonly count: number;
	readonly chat_mode: ChatMode;
	readonly messages: readonly Message[];
	readonly held: readonly Message[];
	readonly ctas: readonly Cta[];
	readonly stage: Stage;
	readonly slots: Slots;
	readonly playback: PlaybackPosition | null;
	readonly timeline: TimelineView | null;
	readonly server_time: Instant;
}

/** Somebody came (`here`) or left. Participants hear of contributors only. */
export interface RoomPerson {
	readonly person: Person;
	readonly here: boolean;
}

/** Real people connected now, hosts included. */
export interface RoomCount {
	readonly count: number;
}

/** A message was published: it leaves `held`, joins `messages` (by `sent_at`, then `message_id`). */
export interface ChatMessage {
	readonly message: Message;
}

/** A message waits, in mode `moderated` or `reply_later`: told to its author and to moderators only. */
export interface ChatHeld {
	readonly message: Message;
}

/** A held message was rejected and leaves `held`: told to its author and to moderators only. */
export interface ChatRemoved {
	/** 1 to 64 of A-Z a-z 0-9 _ - */
	readonly message_id: string;
}

/** The chat mode changed; held messages stay held. */
export interface ChatModeChanged {
	readonly mode: ChatMode;
}

/** A CTA appears; shown again, it is shown once. */
export interface CtaShow {
	readonly cta: Cta;
}

/**
 * The layers, by RTP stream id, of what the reader sends as `mid` that somebody watches: others may rest.
 *
 * Counts for the peer of the latest `media.offer`, whose layers are all sent to begin with.
 */
export interface MediaLayers {
	readonly mid: string;
	readonly rids: readonly string[];
}

/**
 * What everybody in the room decodes: send video in no other codec. It never grows while a room is open.
 *
 * Told with the answer of whoever may publish, and when it changes; until then send VP8.
 */
export interface MediaCodecs {
	readonly codecs: readonly VideoCodec[];
}

/**
 * The server lost the reader's media, and not by the reader's wish: offer anew, wait for no timeout.
 *
 * Counts for the peer of the latest answer; one that is being offered meanwhile is not meant.
 */
export type MediaLost = Record<string, never>;

/** The session started or ended. */
export interface SessionStateChanged {
	readonly state: SessionState;
	readonly started_at: Instant | null;
}

/** The seat went to another connection; this one closes and must not come back by itself. */
export interface SeatMoved {
	readonly device: string;
	readonly at: Instant;
}

/** The seat is gone, with its media; the connection closes. */
export interface SeatRemoved {
	readonly reason: RemovedReason;
}

/** Client to server; each is acknowledged. */
export interface Requests {
	/** Connects media, or anew. Who may not publish gets those m-lines answered inactive. By anyone. */
	readonly "media.offer": { readonly payload: MediaOffer; readonly reply: MediaAnswer };
	/** Restarts the ICE of the latest `media.offer`, after a change of network. By anyone. */
	readonly "media.restart": { readonly payload: MediaRestart; readonly reply: MediaRestarted };
	/** Says how high a video slot is shown. By anyone. */
	readonly "media.view": { readonly payload: MediaView; readonly reply: Nothing };
	/** Posts a message; the reply says whether it is published or held. By anyone. */
	readonly "chat.post": { readonly payload: ChatPost; readonly reply: Message };
	/** Publishes a held message. By hosts and moderators. */
	readonly "chat.approve": { readonly payload: MessageRef; readonly reply: Nothing };
	/** Rejects a held message. By hosts and moderators. */
	readonly "chat.reject": { readonly payload: MessageRef; readonly reply: Nothing };
	/** Changes the chat mode. By hosts and moderators. */
	readonly "chat.set_mode": { readonly payload: ChatSetMode; readonly reply: Nothing };
	/** Puts a live session on air. By hosts. */
	readonly "session.start": { readonly payload: Nothing; readonly reply: Nothing };
	/** Ends the session for everyone. By hosts. */
	readonly "session.end": { readonly payload: Nothing; readonly reply: Nothing };
	/** Lets a participant publish and enter the stage. By hosts and moderators. */
	readonly "stage.invite": { readonly payload: PersonRef; readonly reply: Nothing };
	/** Enters the stage: what one publishes is forwarded. By hosts, moderators and invited participants. */
	readonly "stage.enter": { readonly payload: Nothing; readonly reply: Nothing };
	/** Leaves the stage, or sends somebody off it. By anyone. */
	readonly "stage.leave": { readonly payload: StageLeave; readonly reply: Nothing };
	/** Says whether one's video is a camera or a shared screen. By hosts, moderators and invited participants. */
	readonly "stage.show": { readonly payload: StageShow; readonly reply: Nothing };
	/** Silences somebody at the server. By hosts and moderators. */
	readonly "person.mute": { readonly payload: PersonRef; readonly reply: Nothing };
	/** Lets somebody be heard again. By hosts and moderators. */
	readonly "person.unmute": { readonly payload: PersonRef; readonly reply: Nothing };
	/** Removes somebody from the session, for good. By hosts and moderators. */
	readonly "person.remove": { readonly payload: PersonRef; readonly reply: Nothing };
	/** Pauses the timeline and opens the stage. By hosts. */
	readonly "playback.take_over": { readonly payload: Nothing; readonly reply: Nothing };
	/** Closes the stage and goes on with the timeline. By hosts. */
	readonly "playback.hand_back": { readonly payload: PlaybackHandBack; readonly reply: Nothing };
	/** Starts an item now. By hosts. */
	readonly "playback.skip_to": { readonly payload: PlaybackSkipTo; readonly reply: Nothing };
	/** Lengthens the buffer of the present item. By hosts. */
	readonly "playback.extend_buffer": { readonly payload: PlaybackExtendBuffer; readonly reply: Nothing };
	/** Takes seconds back from the buffer of the present item. By hosts. */
	readonly "playback.shorten_buffer": { readonly payload: PlaybackShortenBuffer; readonly reply: Nothing };
	/** Shows a CTA to everyone now. By hosts. */
	readonly "cta.launch": { readonly payload: CtaRef; readonly reply: Nothing };
	/** Takes a CTA that is on show back from everyone. By hosts. */
	readonly "cta.withdraw": { readonly payload: CtaRef; readonly reply: Nothing };
}

/** How many of each request a connection may send. */
export const LIMITS: Readonly<Record<RequestName, { readonly limit: number; readonly perSeconds: number }>> = {
	"media.offer": { limit: 6, perSeconds: 60 },
	"media.restart": { limit: 6, perSeconds: 60 },
	"media.view": { limit: 60, perSeconds: 10 },
	"chat.post": { limit: 10, perSeconds: 10 },
	"chat.approve": { limit: 100, perSeconds: 10 },
	"chat.reject": { limit: 100, perSeconds: 10 },
	"chat.set_mode": { limit: 20, perSeconds: 10 },
	"session.start": { limit: 20, perSeconds: 10 },
	"session.end": { limit: 20, perSeconds: 10 },
	"stage.invite": { limit: 20, perSeconds: 10 },
	"stage.enter": { limit: 20, perSeconds: 10 },
	"stage.leave": { limit: 20, perSeconds: 10 },
	"stage.show": { limit: 20, perSeconds: 10 },
	"person.mute": { limit: 20, perSeconds: 10 },
	"person.unmute": { limit: 20, perSeconds: 10 },
	"person.remove": { limit: 20, perSeconds: 10 },
	"playback.take_over": { limit: 20, perSeconds: 10 },
	"playback.hand_back": { limit: 20, perSeconds: 10 },
	"playback.skip_to": { limit: 20, perSeconds: 10 },
	"playback.extend_buffer": { limit: 20, perSeconds: 10 },
	"playback.shorten_buffer": { limit: 20, perSeconds: 10 },
	"cta.launch": { limit: 20, perSeconds: 10 },
	"cta.withdraw": { limit: 20, perSeconds: 10 },
};

/** Server to client; never acknowledged. */
export interface Notices {
	/** Told to whoever connects. */
	readonly "room.snapshot": Snapshot;
	/** Told to hosts and moderators; participants too when a host or moderator comes or goes. */
	readonly "room.person": RoomPerson;
	/** Told to everyone. */
	readonly "room.count": RoomCount;
	/** Told to everyone. */
	readonly "chat.message": ChatMessage;
	/** Told to the author, hosts and moderators. */
	readonly "chat.held": ChatHeld;
	/** Told to the author, hosts and moderators. */
	readonly "chat.removed": ChatRemoved;
	/** Told to everyone. */
	readonly "chat.mode": ChatModeChanged;
	/** Told to everyone. */
	readonly "cta.show": CtaShow;
	/** Told to everyone. */
	readonly "cta.hide": CtaRef;
	/** Told to everyone. */
	readonly "stage.changed": Stage;
	/** Told to whoever publishes in layers. */
	readonly "media.layers": MediaLayers;
	/** Told to whoever may publish. */
	readonly "media.codecs": MediaCodecs;
	/** Told to whose media the server lost. */
	readonly "media.lost": MediaLost;
	/** Told to everyone. */
	readonly "playback.position": PlaybackPosition;
	/** Told to hosts. */
	readonly "playback.timeline": TimelineView;
	/** Told to everyone. */
	readonly "session.state": SessionStateChanged;
	/** Told to the connection that lost its seat. */
	readonly "seat.moved": SeatMoved;
	/** Told to the connection that lost its seat. */
	readonly "seat.removed": SeatRemoved;
}

/** To whom each role may do what is done to people: mute, send off the stage, remove. */
export const GOVERNS: Readonly<Record<Role, readonly Role[]>> = {
	host: ["host", "moderator", "participant"],
	moderator: ["moderator", "participant"],
	participant: [],
};

export type RequestName = keyof Requests;
export type NoticeName = keyof Notices;

/** What every request is acknowledged with. */
export type Ack<Reply> = { readonly ok: Reply } | { readonly error: WireError };
