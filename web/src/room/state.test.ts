import { describe, expect, it } from "vitest";
import * as rooms from "../../dev/snapshots";
import type { Role, Snapshot } from "../wire";
import { type AnyNotice, apply, fromSnapshot, type RoomState, serverNow } from "./state";

const NOW = Date.parse("2026-12-03T13:12:04Z");

function after(snapshot: Snapshot, ...notices: readonly AnyNotice[]): RoomState {
  return notices.reduce((state, notice) => apply(state, notice, 1_000), fromSnapshot(snapshot, 0));
}

/** What a fresh snapshot of that state would say: everything but our own reading of the clock. */
function told({ clock: _clock, ...snapshot }: RoomState): Snapshot {
  return snapshot;
}

const ROLES: readonly Role[] = ["host", "moderator", "participant"];

describe.each(ROLES)("old snapshot and notices make the fresh snapshot, for a %s", (role) => {
  const old = rooms.automated({ role, nowMs: NOW });
  const late = rooms.message("late", rooms.YANN, "Late?", "2026-12-03T13:11:00Z");

  it("when people come and go", () => {
    const kai = rooms.person("kai", "Kai", "moderator");
    const state = after(
      old,
      ["room.person", { person: kai, here: true }],
      ["room.person", { person: rooms.THEO, here: false }],
      ["room.count", { count: 214 }],
    );
    const people = [...old.people.filter((one) => one.person_id !== "theo"), kai];
    expect(told(state)).toEqual({ ...old, people, count: 214 });
  });

  it("when a message is held, then approved", () => {
    const held = { ...late, state: "held" } as const;
    const state = after(old, ["chat.held", { message: held }], ["chat.message", { message: late }]);
    const at = old.messages.filter((one) => one.sent_at < late.sent_at).length;
    expect(state.messages[at]).toEqual(late);
    expect(told(state)).toEqual({ ...old, messages: old.messages.toSpliced(at, 0, late) });
  });

  it("when a held message is rejected", () => {
    const state = after(
      old,
      ["chat.held", { message: { ...late, state: "held" } }],
      ["chat.removed", { message_id: "late" }],
    );
    expect(told(state)).toEqual(old);
  });

  it("when the session ends, the chat closes and the CTA goes", () => {
    const state = after(
      old,
      ["session.state", { state: "ended", started_at: old.session.started_at }],
      ["chat.mode", { mode: "none" }],
      ["cta.hide", { cta_id: "workshop" }],
    );
    expect(told(state)).toEqual({
      ...old,
      session: { ...old.session, state: "ended" },
      chat_mode: "none",
      ctas: [],
    });
  });

  it("when a fresh snapshot replaces everything", () => {
    const fresh = rooms.live({ role, nowMs: NOW });
    expect(told(after(old, ["room.count", { count: 3 }], ["room.snapshot", fresh]))).toEqual(fresh);
  });
});

describe("notices", () => {
  const old = rooms.automated({ role: "participant", nowMs: NOW });

  it("shows a CTA once, however often it is told", () => {
    const state = after(old, ["cta.show", { cta: rooms.OFFER }], ["cta.show", { cta: rooms.OFFER }]);
    expect(state.ctas).toEqual([rooms.OFFER]);
  });

  it("keeps a message once, told twice", () => {
    const message = rooms.message("x", rooms.NOE, "Hello", "2026-12-03T13:12:00Z");
    const state = after(old, ["chat.message", { message }], ["chat.message", { message }]);
    expect(state.messages.filter((one) => one.message_id === "x")).toHaveLength(1);
  });

  it("lets an invited participant publish, until the invitation ends", () => {
    const invited = after(old, ["stage.changed", { on_stage: [], invited: ["camille"] }]);
    expect(invited.me.may_publish).toBe(true);
    expect(apply(invited, ["stage.changed", { on_stage: [], invited: [] }], 0).me.may_publish).toBe(false);
  });

  it("leaves a host's permission alone when the stage empties", () => {
    const host = after(rooms.automated({ role: "host", nowMs: NOW }), [
      "stage.changed",
      { on_stage: [], invited: [] },
    ]);
    expect(host.me.may_publish).toBe(true);
  });

  it("reads the server's clock from each position", () => {
    const at = new Date(NOW + 5_000).toISOString();
    const state = after(old, ["playback.position", { ...rooms.playing(NOW), server_time: at }]);
    expect(serverNow(state, 1_500)).toBe(NOW + 5_500);
  });
});
