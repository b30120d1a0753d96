import { afterEach, describe, expect, it, vi } from "vitest";
import { GRANTED, Outside } from "../../dev/fake-outside";
import * as rooms from "../../dev/snapshots";
import { backoffMs } from "./room-connection";

const NOW = Date.parse("2026-12-03T13:12:04Z");
const room = (role: "host" | "participant" = "participant") =>
  new Outside(rooms.automated({ role, nowMs: NOW }));

class FakeMicrophone extends EventTarget {
  stopped = false;
  readonly devices = {
    getUserMedia: async () => ({ getTracks: () => [this] }),
  } as unknown as MediaDevices;
  stop(): void {
    this.stopped = true;
  }
}
const phase = (outside: Outside) => outside.view.getState().phase;

describe("a lost connection (ROOM-8)", () => {
  it("comes back by itself with the room as it is now", async () => {
    const outside = room();
    await outside.enter();
    outside.room.snapshot = { ...outside.room.snapshot, count: 215 };
    outside.answers = [GRANTED];
    outside.room.drop();
    expect(phase(outside)).toEqual({ kind: "returning", reason: "lost" });
    await outside.pass(3_000);
    expect(phase(outside)).toEqual({ kind: "inside" });
    expect(outside.view.getState().room?.count).toBe(215);
    expect(outside.joins).toEqual(["ask"]);
  });

  it("keeps trying while the server is away, slower and slower up to three seconds", async () => {
    const outside = room();
    await outside.enter();
    outside.answers = Array.from({ length: 7 }, () => ({
      kind: "later",
      code: "unreachable",
      afterS: 0,
      detail: "",
    }));
    outside.room.drop();
    for (let attempt = 0; attempt < 7; attempt += 1) await outside.pass(3_000);
    expect(outside.paused.slice(0, 6)).toEqual([300, 600, 1_200, 2_400, 3_000, 3_000]);
    expect(phase(outside).kind).toBe("returning");
  });

  it("says that the room is full while it waits for a place", async () => {
    const outside = room();
    await outside.enter();
    outside.answers = [{ kind: "later", code: "room_full", afterS: 5, detail: "Full." }];
    outside.room.drop();
    await outside.pass(300);
    expect(phase(outside)).toEqual({ kind: "returning", reason: "full" });
  });

  it("offers media anew after coming back", async () => {
    const outside = room();
    await outside.enter();
    outside.answers = [GRANTED];
    outside.room.drop();
    await outside.pass(3_000);
    expect(outside.offers).toHaveLength(2);
  });

  it("is silent when it comes back off the stage, and heard on when it is on it still", async () => {
    for (const onStage of [true, false]) {
      const microphone = new FakeMicrophone();
      const outside = new Outside(rooms.automated({ role: "host", nowMs: NOW }), microphone.devices);
      await outside.enter();
      await outside.connection.switchDevice("microphone");
      expect(outside.view.getState().own.microphone).toBe("on");
      const { me, stage } = outside.room.snapshot;
      const mine = {
        person_id: me.person_id,
        name: me.name,
        audio_slot: 1,
        video_slot: null,
        muted: false,
        shows: "camera" as const,
        speaking: false,
      };
      outside.room.snapshot = {
        ...outside.room.snapshot,
        stage: { ...stage, on_stage: onStage ? [mine] : [] },
      };
      outside.answers = [GRANTED];
      outside.room.drop();
      await outside.pass(3_000);
      expect(outside.view.getState().own.microphone).toBe(onStage ? "on" : "off");
      expect(microphone.stopped).toBe(!onStage);
    }
  });

  it("spreads those who return at once by chance", () => {
    expect(backoffMs(0, 0)).toBe(150);
    expect(backoffMs(0, 1)).toBe(300);
    expect(backoffMs(20, 1)).toBe(3_000);
  });
});

describe("a shared screen", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("is told as one from the stage, again after coming back, and until it stops", async () => {
    vi.stubGlobal("MediaStream", class {});
    const track = new FakeMicrophone();
    const stream = { getTracks: () => [track] };
    const devices = { getDisplayMedia: async () => stream } as unknown as MediaDevices;
    const outside = new Outside(rooms.takenOver({ role: "host", nowMs: NOW }), devices);
    await outside.enter();
    const told = () => outside.room.asked.filter(([name]) => name === "stage.show").map(([, what]) => what);
    await outside.connection.switchDevice("screen");
    outside.answers = [GRANTED];
    outside.room.drop();
    await outside.pass(3_000);
    expect(told()).toEqual([{ shows: "screen" }, { shows: "screen" }]);
    await outside.connection.switchDevice("screen");
    expect(told().at(-1)).toEqual({ shows: "camera" });
  });
});

describe("a seat that moved (ROOM-2)", () => {
  it("stays closed until a press, and forgets the mark of the press", async () => {
    const outside = room();
    await outside.enter();
    expect(outside.marked).toBe(true);
    outside.room.tell(["seat.moved", { device: "Firefox on Windows", at: "2026-12-03T13:12:04Z" }]);
    outside.room.drop();
    await outside.pass(60_000);
    expect(phase(outside)).toMatchObject({ kind: "moved", device: "Firefox on Windows" });
    expect(outside.joins).toEqual([]);
    expect(outside.marked).toBe(false);
  });

  it("comes back on a press, taking the seat over", async () => {
    const outside = room();
    await outside.enter();
    outside.room.tell(["seat.moved", { device: "Firefox on Windows", at: "2026-12-03T13:12:04Z" }]);
    outside.answers = [GRANTED];
    void outside.desk.enterAgain();
    await outside.settle();
    expect(outside.joins).toEqual(["take_over"]);
    expect(phase(outside)).toEqual({ kind: "inside" });
    expect(outside.marked).toBe(true);
  });

  it("is not taken from another device that came while we were away", async () => {
    const outside = room();
    await outside.enter();
    outside.answers = [
      { kind: "taken", device: "Safari on iPhone", since: "2026-12-03T13:12:04Z", policy: "move" },
    ];
    outside.room.drop();
    await outside.pass(3_000);
    expect(phase(outside)).toMatchObject({ kind: "moved", device: "Safari on iPhone" });
  });
});

describe("endings", () => {
  it.each(["removed", "session_over", "session_cancelled", "link_revoked", "link_frozen"] as const)(
    "closes the page for good: %s",
    async (reason) => {
      const outside = room();
      await outside.enter();
      outside.room.tell(["seat.removed", { reason }]);
      outside.room.drop();
      await outside.pass(60_000);
      expect(phase(outside)).toEqual({ kind: "closed", reason });
      expect(outside.joins).toEqual([]);
    },
  );

  it("does not knock again after a refusal that is final", async () => {
    const outside = room();
    await outside.enter();
    outside.answers = [{ kind: "closed", code: "removed" }];
    outside.room.drop();
    await outside.pass(3_000);
    await outside.pass(60_000);
    expect(phase(outside)).toEqual({ kind: "closed", reason: "removed" });
    expect(outside.joins).toHaveLength(1);
  });

  it("does not come back after leaving", async () => {
    const outside = room();
    await outside.enter();
    outside.desk.leave();
    await outside.pass(60_000);
    expect(phase(outside)).toEqual({ kind: "left" });
    expect(outside.joins).toEqual([]);
  });
});

describe("media", () => {
  it("offers the slots of the snapshot, to receive only for a participant", async () => {
    const outside = room();
    await outside.enter();
    expect(outside.offers).toEqual([[{ audio: 4, video: 4 }, "receive_only"]]);
  });

  it("offers to publish for whoever may", async () => {
    const outside = room("host");
    await outside.enter();
    expect(outside.offers).toEqual([[{ audio: 4, video: 4 }, "publish"]]);
  });

  it("offers anew when the transport failed, while the socket lives", async () => {
    const outside = room();
    await outside.enter();
    outside.media?.transport("failed");
    expect(outside.view.getState().transport).toBe("failed");
    await outside.pass(200);
    expect(outside.offers).toHaveLength(2);
    expect(outside.view.getState().transport).toBe("connected");
  });

  it("offers anew when it fails again after the socket was lost during a retry", async () => {
    const outside = room();
    await outside.enter();
    for (const waitMs of [200, 1_000]) {
      outside.media?.transport("failed");
      await outside.pass(waitMs);
    }
    outside.media?.transport("failed"); // waits three seconds for its turn
    outside.answers = [GRANTED];
    outside.room.drop();
    await outside.pass(300);
    outside.media?.transport("failed");
    await outside.pass(200);
    expect(outside.view.getState().transport).toBe("connected");
  });

  it("says again how high each slot is shown, to the new peer", async () => {
    const outside = room();
    await outside.enter();
    outside.desk.show(0, 720);
    outside.media?.transport("failed");
    await outside.pass(200);
    const views = outside.room.asked.filter(([name]) => name === "media.view");
    expect(views).toEqual([
      ["media.view", { slot: 0, max_height: 720 }],
      ["media.view", { slot: 0, max_height: 720 }],
    ]);
  });

  it("offers to publish once an invited participant enters the stage", async () => {
    const outside = room();
    await outside.enter();
    outside.room.tell(["stage.changed", { on_stage: [], invited: ["camille"] }]);
    expect(outside.offers).toHaveLength(1);
    await outside.desk.enterStage();
    expect(outside.offers.at(-1)?.[1]).toBe("publish");
  });

  it("lets layers of the camera rest that nobody watches", async () => {
    const outside = room("host");
    await outside.enter();
    outside.room.tell(["media.layers", { mid: "9", rids: ["q"] }]);
    expect(outside.rested).toEqual([["9", ["q"]]]);
  });

  it("hears what everybody in the room decodes", async () => {
    const outside = room("host");
    await outside.enter();
    outside.room.tell(["media.codecs", { codecs: ["vp8", "vp9"] }]);
    expect(outside.decoded).toEqual([["vp8", "vp9"]]);
  });

  it("hears that the server lost its media", async () => {
    const outside = room("participant");
    await outside.enter();
    outside.room.tell(["media.lost", {}]);
    expect(outside.losses).toBe(1);
  });
});
