import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** The classes that a sheet styles wherever they stand. */
function bare(sheet: string): readonly string[] {
  const css = readFileSync(sheet, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...css.matchAll(/(?<=^|[},]\s*)\.([\w-]+)(?=\s*[,{])/g)].map((match) => match[1] ?? "");
}

describe("the looks of the room", () => {
  it("share no name with those of the page before it, which stay loaded (ROOM-6)", () => {
    const room = new Set(readdirSync("src/ui/style").flatMap((sheet) => bare(`src/ui/style/${sheet}`)));
    expect(room.has("log")).toBe(true);
    expect(bare("src/access/access.css").filter((name) => room.has(name))).toEqual([]);
  });
});
