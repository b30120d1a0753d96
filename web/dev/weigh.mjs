/** Fails the build when a first load outgrows its promise: access script 10 KB, room 140 KB, both compressed. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const STATIC = new URL("../../room_server/http/static/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", STATIC), "utf8"));
const weight = (file) => gzipSync(readFileSync(new URL(file, STATIC))).length;

const entry = manifest["src/access/main.ts"];
const everything = Object.values(manifest).flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]);
const access = weight(entry.file);
const room = [...new Set(everything)].reduce((sum, file) => sum + weight(file), 0);

process.stdout.write(
  `access script ${(access / 1000).toFixed(1)} KB, whole room ${(room / 1000).toFixed(1)} KB (gzip)\n`,
);
if (access > 10_000 || room > 140_000) {
  process.stderr.write("too heavy\n");
  process.exit(1);
}
