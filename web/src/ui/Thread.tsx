/** The thread, drawn: texture carries the meaning, colour only confirms. */
import { clock } from "../i18n/language";
import type { Words } from "../i18n/words";
import { positionS, programmeView } from "../room/programme";
import type { RoomState } from "../room/state";
import { type Segment, thread } from "../room/thread";
import { useSay, useTimed } from "./context";

/** A thousandth of the line is finer than any screen shows; coarser steps save drawing. */
const STEPS = 1000;

export function Thread() {
  const say = useSay();
  const drawn = useTimed((room, nowMs) => JSON.stringify(rounded(thread(room, nowMs))));
  const label = useTimed((room, nowMs) => threadLabel(room, nowMs, say));
  const { segments, now } = JSON.parse(drawn) as ReturnType<typeof rounded>;
  return (
    <div className="thread" role="img" aria-label={label} data-testid="thread">
      <div className="thread-line">
        {segments.map((segment, index) => (
          <span key={index} className={look(segment)} style={{ flexGrow: segment.share }} />
        ))}
      </div>
      {now !== null && <span className="now" style={{ insetInlineStart: `${now / (STEPS / 100)}%` }} />}
    </div>
  );
}

function rounded({ segments, now }: ReturnType<typeof thread>) {
  const round = (share: number) => Math.round(share * STEPS);
  return {
    segments: segments.map((segment) => ({ ...segment, share: round(segment.share) })),
    now: now === null ? null : round(now),
  };
}

function look({ texture, gone }: Segment): string {
  return `${texture}${gone ? " gone" : ""}`;
}

export function threadLabel(room: RoomState, nowMs: number, say: Words): string {
  const { playback } = room;
  const view = programmeView(room, nowMs);
  if (playback === null) return say(room.session.started_at === null ? "thread.notYet" : "thread.live");
  const length = clock(playback.length_s);
  if (view.kind === "waiting") return say("thread.waiting", { length });
  if (view.kind === "ended") return say("thread.ended", { length });
  return say("thread.label", { elapsed: clock(positionS(room, nowMs) ?? 0), length });
}
