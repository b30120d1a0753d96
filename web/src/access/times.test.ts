import { describe, expect, it } from "vitest";
import { timesOf } from "./times";

const startsAt = Date.parse("2026-12-03T13:00:00Z");

describe("the time of a session", () => {
  it("is the visitor's own, with the host's beside it", () => {
    expect(timesOf(startsAt, "Europe/Paris", "America/Toronto", "en")).toEqual({
      day: "Thursday 3 December",
      mine: "08:00",
      myCity: "Toronto",
      theirs: "14:00",
      theirCity: "Paris",
    });
  });

  it("is told once where both zones show the same", () => {
    expect(timesOf(startsAt, "Europe/Paris", "Europe/Berlin", "fr")).toMatchObject({
      day: "Jeudi 3 décembre",
      mine: "14\u00a0h\u00a000",
      theirs: null,
    });
  });

  it("names the host's day where it is another one", () => {
    expect(timesOf(startsAt, "Pacific/Auckland", "Europe/Paris", "en").theirs).toBe(
      "Friday 4 December, 02:00",
    );
  });
});
