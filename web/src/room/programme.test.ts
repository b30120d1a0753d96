import { describe, expect, it } from "vitest";
import * as rooms from "../../dev/snapshots";
import { leftS, onAirForS, positionS, programmeView, stageIsHero, startsInS } from "./programme";
import { fromSnapshot } from "./state";

const NOW = Date.parse("2026-12-03T13:12:04Z");
const setting = { role: "participant", nowMs: NOW } as const;

describe("the programme", () => {
  it("advances by the clock while it plays, and never past its end", () => {
    const state = fromSnapshot(rooms.automated(setting), 10_000);
    expect(positionS(state, 10_000)).toBe(724);
    expect(positionS(state, 15_500)).toBe(729.5);
    expect(positionS(state, 10_000_000)).toBe(1860);
  });

  it("stands still while a host has taken over", () => {
    const state = fromSnapshot(rooms.takenOver(setting), 0);
    expect(positionS(state, 60_000)).toBe(724);
    expect(programmeView(state, 0)).toEqual({ kind: "taken_over", by: "Inès Caron" });
    expect(stageIsHero(programmeView(state, 0))).toBe(true);
  });

  it("names the host who took over, told by id", () => {
    const room = rooms.takenOver(setting);
    const byId = {
      ...room,
      playback: { ...rooms.playing(NOW), state: "paused", taken_over_by: "ines" } as const,
    };
    expect(programmeView(fromSnapshot(byId, 0), 0)).toEqual({ kind: "taken_over", by: "Inès Caron" });
  });

  it("says that what it plays is recorded", () => {
    expect(programmeView(fromSnapshot(rooms.automated(setting), 0), 0)).toEqual({
      kind: "playing",
      recorded: true,
    });
  });

  it("counts a buffer down to nothing and no further", () => {
    const state = fromSnapshot(rooms.buffering(setting), 0);
    expect(leftS(state, 8_000)).toBe(50);
    expect(leftS(state, 999_000)).toBe(0);
    expect(programmeView(state, 8_000)).toEqual({ kind: "buffer", leftS: 50 });
  });

  it("counts down to the start, then waits at nought", () => {
    const state = fromSnapshot(rooms.waiting(setting), 0);
    expect(startsInS(state, 2_000)).toBe(430);
    expect(startsInS(state, 900_000)).toBe(0);
    expect(onAirForS(state, 0)).toBeNull();
  });

  it("is the stage in a live session on air", () => {
    expect(programmeView(fromSnapshot(rooms.live(setting), 0), 0)).toEqual({ kind: "stage" });
  });

  it.each(["ended", "cancelled", "missed"] as const)("says when the session is %s", (state) => {
    const room = rooms.automated(setting);
    const over = fromSnapshot({ ...room, session: { ...room.session, state } }, 0);
    expect(programmeView(over, 0)).toEqual({ kind: state });
  });
});
