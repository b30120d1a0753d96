/**
 * What the room shows now, worked out from the state and the time.
 *
 *     waiting ──► playing ◄──► buffer, gap ──► ended      an automated session
 *                    ▲▼
 *                taken over (the stage is open)
 *     waiting ──► stage ──► ended                         a live session
 */
import type { PlaybackPosition, StagePerson } from "../wire";
import { type RoomState, serverNow } from "./state";

const ROUNDING_S = 0.5;

export type ProgrammeView =
  | { readonly kind: "waiting"; readonly startsInS: number }
  | { readonly kind: "playing"; readonly recorded: boolean }
  | { readonly kind: "buffer" | "gap"; readonly leftS: number | null }
  | { readonly kind: "taken_over"; readonly by: string }
  | { readonly kind: "paused" }
  | { readonly kind: "stage" }
  | { readonly kind: "ended" | "cancelled" | "missed" };

export function programmeView(state: RoomState, nowMs: number): ProgrammeView {
  const { session, playback } = state;
  switch (session.state) {
    case "ended":
    case "cancelled":
    case "missed":
      return { kind: session.state };
    case "scheduled":
      return { kind: "waiting", startsInS: startsInS(state, nowMs) };
    case "on_air":
      return playback === null ? { kind: "stage" } : playedView(state, playback, nowMs);
  }
}

function playedView(state: RoomState, playback: PlaybackPosition, nowMs: number): ProgrammeView {
  switch (playback.state) {
    case "waiting":
      return { kind: "waiting", startsInS: startsInS(state, nowMs) };
    case "playing":
      return { kind: "playing", recorded: playback.recorded };
    case "buffer":
    case "gap":
      return { kind: playback.state, leftS: leftS(state, nowMs) };
    case "paused":
      return playback.taken_over_by === null
        ? { kind: "paused" }
        : { kind: "taken_over", by: nameOf(state, playback.taken_over_by) };
    case "ended":
      return { kind: "ended" };
  }
}

/** Whether the stage, not the film, is what people came to see now. */
export function stageIsHero(view: ProgrammeView): boolean {
  return view.kind === "stage" || view.kind === "taken_over";
}

/** Seconds on the timeline now; null in a live session. It stands still while paused or over. */
export function positionS(state: RoomState, nowMs: number): number | null {
  const { playback } = state;
  if (playback === null) return null;
  return Math.min(playback.position_s + sinceS(state, playback, nowMs), playback.length_s);
}

/** What remains of the present item, buffer or gap, in seconds. */
export function leftS(state: RoomState, nowMs: number): number | null {
  const { playback } = state;
  if (playback === null || playback.left_s === null) return null;
  return Math.max(0, playback.left_s - sinceS(state, playback, nowMs));
}

export function startsInS(state: RoomState, nowMs: number): number {
  return Math.max(0, (Date.parse(state.session.starts_at) - serverNow(state, nowMs)) / 1000);
}

/** Seconds since the session went on air; null before. */
export function onAirForS(state: RoomState, nowMs: number): number | null {
  const { started_at: startedAt } = state.session;
  return startedAt === null ? null : Math.max(0, (serverNow(state, nowMs) - Date.parse(startedAt)) / 1000);
}

/**
 * What has to happen before those on the stage are seen and heard: nothing, the start, or that a host takes over;
 * `take` is said to whoever may do it, `take_later` before the session has started.
 */
export type Door = "open" | "start" | "host" | "take" | "take_later";

export function stageDoor(state: RoomState, nowMs: number): Door {
  const view = programmeView(state, nowMs);
  if (stageIsHero(view)) return "open";
  if (state.session.room_type === "live") return "start";
  if (!state.me.may_host) return "host";
  return view.kind === "waiting" ? "take_later" : "take";
}

/** Whether the session ends with what is left of the present buffer or gap. */
export function endsNext(state: RoomState, nowMs: number): boolean {
  const left = leftS(state, nowMs);
  const position = positionS(state, nowMs);
  if (left === null || position === null || state.playback === null) return false;
  return position + left >= state.playback.length_s - ROUNDING_S;
}

/** Those on the stage who can be seen or heard by others now. */
export function performers(state: RoomState): readonly StagePerson[] {
  return state.stage.on_stage.filter((one) => one.audio_slot !== null || one.video_slot !== null);
}

export function isOnStage(state: RoomState): boolean {
  return state.stage.on_stage.some((one) => one.person_id === state.me.person_id);
}

/** Whether the team has silenced the reader. */
export function isMuted(state: RoomState): boolean {
  return state.stage.on_stage.some((one) => one.person_id === state.me.person_id && one.muted);
}

export function isInvited(state: RoomState): boolean {
  return state.stage.invited.includes(state.me.person_id) && !isOnStage(state);
}

function sinceS(state: RoomState, playback: PlaybackPosition, nowMs: number): number {
  const moves = playback.state === "playing" || playback.state === "buffer" || playback.state === "gap";
  if (!moves) return 0;
  return Math.max(0, (serverNow(state, nowMs) - Date.parse(playback.server_time)) / 1000);
}

/** `taken_over_by` may be a person of the room or a name already. */
function nameOf(state: RoomState, who: string): string {
  return state.people.find((person) => person.person_id === who)?.name ?? who;
}
