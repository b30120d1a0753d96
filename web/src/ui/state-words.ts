/** One glyph and one word a state, wherever it is named. */
import type { Key } from "../i18n/words";
import type { ProgrammeView } from "../room/programme";
import type { GlyphName } from "./icons";

export interface StateWord {
  readonly glyph: GlyphName;
  readonly word: Key;
  readonly look: "is-air" | "is-rec" | "is-quiet";
}

/** What the picture is: recorded, live, buffer… */
export function pictureState(view: ProgrammeView): StateWord | null {
  switch (view.kind) {
    case "playing":
      return view.recorded ? { glyph: "rec", word: "air.recorded", look: "is-rec" } : LIVE;
    case "taken_over":
    case "stage":
      return LIVE;
    case "buffer":
      return { glyph: "buffer", word: "air.buffer", look: "is-quiet" };
    case "gap":
      return { glyph: "wait", word: "air.gap", look: "is-quiet" };
    case "paused":
      return { glyph: "pause", word: "air.paused", look: "is-quiet" };
    default:
      return null;
  }
}

const LIVE: StateWord = { glyph: "air", word: "air.live", look: "is-air" };

/** What the session is: on air, not started, over. */
export function sessionState(view: ProgrammeView): StateWord {
  switch (view.kind) {
    case "waiting":
      return { glyph: "wait", word: "air.waiting", look: "is-quiet" };
    case "ended":
      return { glyph: "end", word: "air.ended", look: "is-quiet" };
    case "cancelled":
      return { glyph: "cancel", word: "air.cancelled", look: "is-quiet" };
    case "missed":
      return { glyph: "cancel", word: "air.missed", look: "is-quiet" };
    default:
      return { glyph: "air", word: "air.on", look: "is-air" };
  }
}
