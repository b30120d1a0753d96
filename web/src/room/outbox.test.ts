import { describe, expect, it } from "vitest";
import { queued, refused, restored, sent, toResend, waiting } from "./outbox";

describe("the outbox", () => {
  it("survives a reload, to be sent again with the same keys", () => {
    const before = queued(queued([], "a", "first"), "b", "second");
    expect(restored(JSON.stringify(before))).toEqual([
      { key: "a", text: "first", state: "waiting", why: "" },
      { key: "b", text: "second", state: "waiting", why: "" },
    ]);
  });

  it.each([null, "", "{}", "[1, null, {}]", "not json"])("is empty where %j was kept", (kept) => {
    expect(restored(kept)).toEqual([]);
  });

  it("sends again what waits, not what was refused", () => {
    const outbox = refused(waiting(queued(queued([], "a", "x"), "b", "y"), "a"), "b", "too long");
    expect(toResend(outbox).map((one) => one.key)).toEqual(["a"]);
    expect(sent(outbox, "a").map((one) => one.key)).toEqual(["b"]);
  });
});
