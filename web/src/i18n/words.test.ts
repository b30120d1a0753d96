import { describe, expect, it } from "vitest";
import en from "./en.json";
import fr from "./fr.json";
import { clock, timeOfDay } from "./language";
import { words } from "./words";

const facts = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
const keys = Object.keys(en) as (keyof typeof en)[];

describe("the catalogues", () => {
  it("have the same keys", () => {
    expect(Object.keys(fr).sort()).toEqual(Object.keys(en).sort());
  });

  it.each(keys)("name the same facts in %s", (key) => {
    expect(facts(fr[key])).toEqual(facts(en[key]));
    expect(en[key].trim()).toBe(en[key]);
    expect(en[key]).not.toBe("");
  });

  it("put a non-breaking space before French double punctuation", () => {
    const broken = Object.entries(fr).filter(([, text]) => /[^\u00a0\u202f\d][:;?!](\s|$)/.test(text));
    expect(broken).toEqual([]);
  });

  it("use typographic apostrophes in French", () => {
    expect(Object.entries(fr).filter(([, text]) => text.includes("'"))).toEqual([]);
  });
});

describe("words", () => {
  it.each([
    ["en", 0, "0 people"],
    ["en", 1, "1 person"],
    ["en", 1_214, "1,214 people"],
    ["fr", 0, "0 personne"],
    ["fr", 1, "1 personne"],
    ["fr", 1_214, "1\u202f214 personnes"],
  ] as const)("count people in %s: %i", (language, count, text) => {
    expect(words(language).count("people.count", count)).toBe(text);
  });

  it("fill facts in", () => {
    expect(words("en")("people.remove.title", { name: "Bo" })).toBe("Remove Bo?");
  });
});

describe("times", () => {
  const instant = Date.parse("2026-12-03T13:02:00Z");

  it("are written as each language writes them", () => {
    expect(timeOfDay(instant, "en", "Europe/Paris")).toBe("14:02");
    expect(timeOfDay(instant, "fr", "Europe/Paris")).toBe("14\u00a0h\u00a002");
  });

  it.each([
    [0, "00:00"],
    [42.9, "00:42"],
    [724, "12:04"],
    [3_723, "1:02:03"],
    [-5, "00:00"],
  ])("are shown as a clock: %f s", (seconds, text) => {
    expect(clock(seconds)).toBe(text);
  });
});
