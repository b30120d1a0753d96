/**
 * The thread: a session as a line whose texture says what kind of time it is.
 *
 *     solid: live   perforated: recorded   hatched: buffer   dots: not yet
 *
 * Invariant: the segments cover 0 to 1 without holes or overlaps, in order.
 */
import type { TimelineItem } from "../wire";
import { onAirForS, positionS, programmeView } from "./programme";
import type { RoomState } from "./state";

export type Texture = "live" | "recorded" | "buffer" | "wait";

export interface Segment {
  readonly texture: Texture;
  readonly share: number;
  readonly gone: boolean;
}

export interface Thread {
  readonly segments: readonly Segment[];
  /** Where the present is, 0 to 1; null before the start and after the end. */
  readonly now: number | null;
}

interface Span {
  readonly texture: Texture;
  readonly fromS: number;
  readonly toS: number;
}

const TAKE_OVER_SHARE = 0.03;

export function thread(state: RoomState, nowMs: number): Thread {
  const view = programmeView(state, nowMs);
  if (state.playback === null) return liveThread(state, nowMs);
  const position = positionS(state, nowMs) ?? 0;
  const lengthS = Math.max(state.playback.length_s, 1);
  const spans =
    state.timeline === null ? knownSpans(state, position, lengthS) : itemSpans(state.timeline.items, lengthS);
  if (view.kind === "waiting") return { segments: notYet(state, spans, lengthS), now: null };
  if (view.kind === "ended") return { segments: cut(spans, lengthS, lengthS), now: null };
  const segments = cut(spans, position, lengthS);
  const now = position / lengthS;
  return view.kind === "taken_over" ? withTakeOver(segments, now) : { segments, now };
}

/** Before the start hosts see what is planned; for everyone else it is not yet anything. */
function notYet(state: RoomState, spans: readonly Span[], lengthS: number): readonly Segment[] {
  return state.timeline === null ? [{ texture: "wait", share: 1, gone: false }] : cut(spans, -1, lengthS);
}

function liveThread(state: RoomState, nowMs: number): Thread {
  const started = onAirForS(state, nowMs) !== null;
  return { segments: [{ texture: started ? "live" : "wait", share: 1, gone: started }], now: null };
}

/** Participants know the length and the present state only. */
function knownSpans(state: RoomState, position: number, lengthS: number): readonly Span[] {
  const playback = state.playback;
  if (playback?.state !== "buffer" && playback?.state !== "gap")
    return [{ texture: "recorded", fromS: 0, toS: lengthS }];
  const texture = playback.state === "buffer" ? "buffer" : "wait";
  const endS = Math.min(playback.position_s + (playback.left_s ?? 0), lengthS);
  return filled(
    [{ texture, fromS: Math.min(playback.position_s, position), toS: Math.max(endS, position) }],
    lengthS,
    "recorded",
  );
}

function itemSpans(items: readonly TimelineItem[], lengthS: number): readonly Span[] {
  const spans = items.flatMap((item): Span[] => {
    const endS = item.offset_s + item.duration_s;
    return [
      { texture: "recorded", fromS: item.offset_s, toS: endS },
      { texture: "buffer", fromS: endS, toS: endS + item.buffer_s },
    ];
  });
  return filled(spans, lengthS, "wait");
}

/** The spans within 0 to `lengthS`, with the holes between them filled. */
function filled(spans: readonly Span[], lengthS: number, between: Texture): readonly Span[] {
  const whole: Span[] = [];
  let atS = 0;
  for (const span of [...spans].sort((a, b) => a.fromS - b.fromS)) {
    const fromS = Math.max(span.fromS, atS);
    const toS = Math.min(span.toS, lengthS);
    if (toS <= fromS) continue;
    if (fromS > atS) whole.push({ texture: between, fromS: atS, toS: fromS });
    whole.push({ ...span, fromS, toS });
    atS = toS;
  }
  if (atS < lengthS) whole.push({ texture: between, fromS: atS, toS: lengthS });
  return whole;
}

/** Cuts the span that holds the present in two: what is gone and what is to come. */
function cut(spans: readonly Span[], positionS: number, lengthS: number): readonly Segment[] {
  return spans.flatMap(({ texture, fromS, toS }): Segment[] => {
    const middle = Math.min(Math.max(positionS, fromS), toS);
    return [
      { texture, share: (middle - fromS) / lengthS, gone: true },
      { texture, share: (toS - middle) / lengthS, gone: false },
    ].filter((segment) => segment.share > 0);
  });
}

/** A host's take-over takes no time on the timeline; it is drawn as a short solid piece at the present. */
function withTakeOver(segments: readonly Segment[], now: number): Thread {
  const shrunk = segments.map((segment) => ({ ...segment, share: segment.share * (1 - TAKE_OVER_SHARE) }));
  const at = shrunk.findIndex((segment) => !segment.gone);
  const before = at < 0 ? shrunk : shrunk.slice(0, at);
  const after = at < 0 ? [] : shrunk.slice(at);
  return {
    segments: [...before, { texture: "live", share: TAKE_OVER_SHARE, gone: true }, ...after],
    now: now * (1 - TAKE_OVER_SHARE) + TAKE_OVER_SHARE,
  };
}

/** What comes next for a host, and in how many seconds. */
export interface Next {
  readonly what: "item" | "buffer" | "gap" | "end";
  readonly title: string;
  readonly inS: number;
}

export function next(state: RoomState, nowMs: number): readonly Next[] {
  const position = positionS(state, nowMs);
  if (state.timeline === null || position === null) return [];
  const { items, length_s: lengthS } = state.timeline;
  const titles = new Map(items.map((item) => [item.offset_s, item.title]));
  const coming = itemSpans(items, lengthS)
    .filter((span) => span.fromS > position)
    .map(
      (span): Next => ({
        what: span.texture === "recorded" ? "item" : span.texture === "buffer" ? "buffer" : "gap",
        title: span.texture === "recorded" ? (titles.get(span.fromS) ?? "") : "",
        inS: span.fromS - position,
      }),
    );
  return [...coming, { what: "end", title: "", inS: Math.max(0, lengthS - position) }];
}

/** The media item the timeline stands on, its buffer included. */
export function presentItem(state: RoomState): TimelineItem | null {
  return state.timeline?.items.find((item) => item.item_id === state.playback?.item_id) ?? null;
}
