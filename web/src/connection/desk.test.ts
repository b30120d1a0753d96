import { describe, expect, it } from "vitest";
import { GRANTED, Outside } from "../../dev/fake-outside";
import * as rooms from "../../dev/snapshots";
import { RESEND_MS, UNDO_MS } from "./desk";

const NOW = Date.parse("2026-12-03T13:12:04Z");

async function inside(role: "host" | "participant"): Promise<Outside> {
  const outside = new Outside(rooms.automated({ role, nowMs: NOW }));
  await outside.enter();
  return outside;
}

const asked = (outside: Outside, name: string) =>
  outside.room.asked.filter(([one]) => one === name).map(([, payload]) => payload);

describe("a message", () => {
  it("is shown once, though both the answer and the notice tell of it", async () => {
    const outside = await inside("participant");
    await outside.desk.post("Hello");
    const { room, outbox } = outside.view.getState();
    expect(room?.held.filter((one) => one.text === "Hello")).toHaveLength(1);
    expect(outbox).toEqual([]);
  });

  it("written while the connection is lost leaves with the same key once it is back", async () => {
    const outside = await inside("participant");
    outside.room.drop();
    await outside.desk.post("Written in a tunnel");
    const waiting = outside.view.getState().outbox;
    expect(waiting).toMatchObject([{ text: "Written in a tunnel", state: "waiting" }]);
    outside.answers = [GRANTED];
    await outside.pass(3_000);
    expect(asked(outside, "chat.post")).toEqual([{ key: waiting[0]?.key, text: "Written in a tunnel" }]);
    expect(outside.view.getState().outbox).toEqual([]);
  });

  it("that comes too fast is sent again by itself, in its turn", async () => {
    const outside = await inside("participant");
    outside.room.tooFast = 1;
    await outside.desk.post("One");
    await outside.desk.post("Two");
    expect(outside.view.getState().outbox).toMatchObject([{ text: "One", state: "waiting" }]);
    await outside.pass(RESEND_MS);
    expect(asked(outside, "chat.post")).toMatchObject([{ text: "One" }, { text: "Two" }, { text: "One" }]);
    expect(outside.view.getState().outbox).toEqual([]);
  });

  it("that the server refuses stays with the reason, until the reader decides", async () => {
    const outside = await inside("participant");
    outside.room.snapshot = { ...outside.room.snapshot, chat_mode: "none" };
    await outside.desk.post("Too late");
    const [one] = outside.view.getState().outbox;
    expect(one).toMatchObject({ state: "refused", why: "The chat is closed." });
    outside.desk.discard(one?.key ?? "");
    expect(outside.view.getState().outbox).toEqual([]);
  });

  it("of one's own that the team rejects keeps its words on the page", async () => {
    const outside = await inside("participant");
    outside.room.tell(["chat.removed", { message_id: "h3" }]);
    const { declined, toast } = outside.view.getState();
    expect(declined.map((one) => one.text)).toEqual(["And if two people change the same week?"]);
    expect(toast?.text).toBe("declined");
  });
});

describe("a rejection (ROOM-7)", () => {
  it("is told to nobody for five seconds", async () => {
    const outside = await inside("host");
    outside.desk.reject("h1");
    await outside.pass(UNDO_MS - 1);
    expect(asked(outside, "chat.reject")).toEqual([]);
    await outside.pass(1);
    expect(asked(outside, "chat.reject")).toEqual([{ message_id: "h1" }]);
    expect(outside.view.getState().rejecting).toEqual([]);
  });

  it("that is undone never happened", async () => {
    const outside = await inside("host");
    outside.desk.reject("h1");
    outside.desk.undoReject("h1");
    await outside.pass(60_000);
    expect(asked(outside, "chat.reject")).toEqual([]);
    expect(outside.view.getState().room?.held.map((one) => one.message_id)).toContain("h1");
  });

  it("is undone with every other that is still open", async () => {
    const outside = await inside("host");
    outside.desk.reject("h1");
    await outside.pass(UNDO_MS);
    outside.desk.reject("h2");
    outside.desk.reject("h3");
    outside.desk.undoRejects();
    expect(outside.view.getState().rejecting).toEqual([]);
    await outside.pass(60_000);
    expect(asked(outside, "chat.reject")).toEqual([{ message_id: "h1" }]);
  });

  it("is carried out when the page goes", async () => {
    const outside = await inside("host");
    outside.desk.reject("h2");
    outside.desk.flush();
    await outside.settle();
    expect(asked(outside, "chat.reject")).toEqual([{ message_id: "h2" }]);
  });
});

describe("a request that fails", () => {
  it("says so, in the server's words or ours", async () => {
    const outside = await inside("host");
    expect(await outside.desk.approve("nothing")).toBe(false);
    expect(outside.view.getState().toast?.text).toBe("No such message.");
    outside.room.drop();
    expect(await outside.desk.takeOver()).toBe(false);
    expect(outside.view.getState().toast?.text).toBe("not sent");
  });
});
