/**
 * What the reader knows of the room: a snapshot, kept true by notices.
 *
 * Invariant: old snapshot + notices = fresh snapshot. Nothing here touches the DOM, a socket or a clock;
 * `atMs` is the monotonic time at which something arrived.
 */
import {
  HISTORY_MESSAGES,
  type Message,
  type NoticeName,
  type Notices,
  type PlaybackPosition,
  type Snapshot,
  type Stage,
} from "../wire";

/** The server's clock as last heard: `serverMs` (epoch) was true at `atMs` (monotonic). */
export interface ServerClock {
  readonly serverMs: number;
  readonly atMs: number;
}

export interface RoomState extends Snapshot {
  readonly clock: ServerClock;
}

/** A notice with its name, so that one list can hold different ones. */
export type AnyNotice = { [Name in NoticeName]: readonly [Name, Notices[Name]] }[NoticeName];

export function fromSnapshot(snapshot: Snapshot, atMs: number): RoomState {
  return { ...snapshot, clock: heard(snapshot.server_time, atMs) };
}

/** The state after one notice. A notice that says what is already known changes nothing. */
export function apply(state: RoomState, [name, payload]: AnyNotice, atMs: number): RoomState {
  switch (name) {
    case "room.snapshot":
      return fromSnapshot(payload, atMs);
    case "room.person":
      return { ...state, people: withPerson(state.people, payload) };
    case "room.count":
      return { ...state, count: payload.count };
    case "chat.message":
      return published(state, payload.message);
    case "chat.held":
      return { ...state, held: inOrder(state.held, payload.message) };
    case "chat.removed":
      return { ...state, held: without(state.held, payload.message_id) };
    case "chat.mode":
      return { ...state, chat_mode: payload.mode };
    case "cta.show":
      return {
        ...state,
        ctas: [...state.ctas.filter((cta) => cta.cta_id !== payload.cta.cta_id), payload.cta],
      };
    case "cta.hide":
      return { ...state, ctas: state.ctas.filter((cta) => cta.cta_id !== payload.cta_id) };
    case "stage.changed":
      return staged(state, payload);
    case "playback.position":
      return positioned(state, payload, atMs);
    case "playback.timeline":
      return { ...state, timeline: payload };
    case "session.state":
      return {
        ...state,
        session: { ...state.session, state: payload.state, started_at: payload.started_at },
      };
    case "media.layers":
    case "media.codecs":
    case "media.lost":
    case "seat.moved":
    case "seat.removed":
      return state;
  }
}

/** What the server's clock shows now, in epoch milliseconds. */
export function serverNow(state: RoomState, nowMs: number): number {
  return state.clock.serverMs + (nowMs - state.clock.atMs);
}

function heard(serverTime: string, atMs: number): ServerClock {
  return { serverMs: Date.parse(serverTime), atMs };
}

function withPerson(
  people: Snapshot["people"],
  { person, here }: Notices["room.person"],
): Snapshot["people"] {
  const others = people.filter((one) => one.person_id !== person.person_id);
  return here ? [...others, person] : others;
}

function published(state: RoomState, message: Message): RoomState {
  return {
    ...state,
    messages: inOrder(state.messages, message),
    held: without(state.held, message.message_id),
  };
}

function without(messages: readonly Message[], id: string): readonly Message[] {
  return messages.filter((message) => message.message_id !== id);
}

function inOrder(messages: readonly Message[], message: Message): readonly Message[] {
  const others = without(messages, message.message_id);
  const sentAt = Date.parse(message.sent_at);
  let at = others.length;
  while (at > 0 && Date.parse(others[at - 1]?.sent_at ?? "") > sentAt) at -= 1;
  return [...others.slice(0, at), message, ...others.slice(at)].slice(-HISTORY_MESSAGES);
}

function staged(state: RoomState, stage: Stage): RoomState {
  const { me } = state;
  if (me.role !== "participant") return { ...state, stage };
  const mayPublish =
    stage.invited.includes(me.person_id) || stage.on_stage.some((one) => one.person_id === me.person_id);
  return { ...state, stage, me: { ...me, may_publish: mayPublish } };
}

function positioned(state: RoomState, playback: PlaybackPosition, atMs: number): RoomState {
  return { ...state, playback, clock: heard(playback.server_time, atMs) };
}
