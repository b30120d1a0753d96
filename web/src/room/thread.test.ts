import { describe, expect, it } from "vitest";
import * as rooms from "../../dev/snapshots";
import type { Role, Snapshot } from "../wire";
import { fromSnapshot } from "./state";
import { next, presentItem, thread } from "./thread";

const NOW = Date.parse("2026-12-03T13:12:04Z");

const ROOMS: readonly (readonly [string, (setting: rooms.Setting) => Snapshot])[] = [
  ["playing", rooms.automated],
  ["in a buffer", rooms.buffering],
  ["taken over", rooms.takenOver],
  ["waiting", rooms.waiting],
  ["live", rooms.live],
];

describe.each(["host", "participant"] satisfies Role[])("the thread of a %s", (role) => {
  it.each(ROOMS)("covers the whole line, %s", (_name, room) => {
    const { segments, now } = thread(fromSnapshot(room({ role, nowMs: NOW }), 0), 3_000);
    const whole = segments.reduce((sum, segment) => sum + segment.share, 0);
    expect(whole).toBeCloseTo(1, 9);
    const gone = segments.filter((one) => one.gone).reduce((sum, one) => sum + one.share, 0);
    if (now !== null) expect(now).toBeCloseTo(gone, 9);
  });
});

describe("textures", () => {
  const of = (room: Snapshot) => [
    ...new Set(thread(fromSnapshot(room, 0), 0).segments.map((one) => one.texture)),
  ];

  it("tells a host what is recorded, buffer and not yet", () => {
    expect(of(rooms.automated({ role: "host", nowMs: NOW }))).toEqual(["recorded", "buffer", "wait"]);
  });

  it("draws a take-over solid", () => {
    expect(of(rooms.takenOver({ role: "participant", nowMs: NOW }))).toEqual(["recorded", "live"]);
  });

  it("shows a participant only dots before the start", () => {
    expect(of(rooms.waiting({ role: "participant", nowMs: NOW }))).toEqual(["wait"]);
  });
});

describe("what comes next", () => {
  const state = fromSnapshot(rooms.automated({ role: "host", nowMs: NOW }), 0);

  it("is the buffer of the film, then the next item by its title", () => {
    const [first, second] = next(state, 0);
    expect(first).toEqual({ what: "buffer", title: "", inS: 486 });
    expect(second).toEqual({ what: "item", title: "Guided tour of the new planning board", inS: 576 });
  });

  it("ends with the end", () => {
    expect(next(state, 0).at(-1)).toEqual({ what: "end", title: "", inS: 1136 });
  });

  it("is nothing for those who see no timeline", () => {
    const participant = fromSnapshot(rooms.automated({ role: "participant", nowMs: NOW }), 0);
    expect(next(participant, 0)).toEqual([]);
    expect(presentItem(participant)).toBeNull();
  });
});
