import { beforeEach, describe, expect, it } from "vitest";
import { browserShelf, deviceKey, pressMark, randomKey, shelf, tabShelf } from "./device";

beforeEach(() => {
  window.localStorage.clear();
  window.sessionStorage.clear();
});

describe("the device key", () => {
  it("stays the same in one browser", () => {
    expect(deviceKey(browserShelf)).toBe(deviceKey(shelf(() => window.localStorage)));
  });

  it("is made anew where something else was kept", () => {
    window.localStorage.setItem("room.device", "<script>");
    expect(deviceKey(shelf(() => window.localStorage))).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it("holds for the page where storage is forbidden", () => {
    const forbidden = shelf(() => {
      throw new DOMException("no", "SecurityError");
    });
    expect(deviceKey(forbidden)).toBe(deviceKey(forbidden));
  });

  it("is never made twice alike", () => {
    expect(new Set(Array.from({ length: 100 }, randomKey)).size).toBe(100);
  });
});

describe("the mark of a press", () => {
  it("counts for its own link only, until cleared (ROOM-1)", () => {
    const mark = pressMark(tabShelf, "one");
    mark.set();
    expect(mark.isSet()).toBe(true);
    expect(pressMark(tabShelf, "two").isSet()).toBe(false);
    mark.clear();
    expect(mark.isSet()).toBe(false);
  });
});
