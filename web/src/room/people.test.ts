import { describe, expect, it } from "vitest";
import { person } from "../../dev/snapshots";
import { found, initials, listed } from "./people";

describe("people", () => {
  const people = [
    person("1", "zoe"),
    person("2", "Éric"),
    person("3", "Ana", "moderator"),
    person("4", "Bo", "host"),
  ];

  it("are listed hosts first, then moderators, then by name in the reader's language", () => {
    expect(listed(people, "fr").map((one) => one.name)).toEqual(["Bo", "Ana", "Éric", "zoe"]);
  });

  it("are found without regard to accents or case", () => {
    expect(found(people, " ERIC ").map((one) => one.name)).toEqual(["Éric"]);
    expect(found(people, "")).toHaveLength(4);
    expect(found(people, "nobody")).toEqual([]);
  });

  it.each([
    ["Inès Caron", "IC"],
    ["Bo", "BO"],
    ["أمل حداد", "أح"],
    ["👩‍🔬", "👩‍"],
    ["", ""],
  ])("abbreviates %s", (name, letters) => {
    expect(initials(name)).toBe(letters);
  });
});
