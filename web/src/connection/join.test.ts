import { describe, expect, it } from "vitest";
import { joiner, outcome } from "./join";

describe("what a reply to joining means", () => {
  it.each([
    [
      200,
      { signalling_url: "http://x", ticket: "t" },
      { kind: "granted", grant: { signallingUrl: "http://x", ticket: "t", iceServers: [] } },
    ],
    [
      200,
      {
        signalling_url: "http://x",
        ticket: "t",
        ice_servers: [{ urls: ["turns:turn.example.org"], username: "1:a", credential: "b" }, "nonsense"],
      },
      {
        kind: "granted",
        grant: {
          signallingUrl: "http://x",
          ticket: "t",
          iceServers: [{ urls: ["turns:turn.example.org"], username: "1:a", credential: "b" }],
        },
      },
    ],
    [
      409,
      { code: "seat_taken", device: "Firefox on Windows", since: "2026-12-03T13:02:00Z", policy: "move" },
      { kind: "taken", device: "Firefox on Windows", since: "2026-12-03T13:02:00Z", policy: "move" },
    ],
    [
      425,
      { code: "not_open_yet", opens_at: "2026-12-03T12:45:00Z" },
      { kind: "early", opensAt: "2026-12-03T12:45:00Z" },
    ],
    [404, { code: "unknown_link" }, { kind: "closed", code: "unknown_link" }],
    [403, { code: "removed" }, { kind: "closed", code: "removed" }],
    [410, { code: "session_cancelled" }, { kind: "closed", code: "session_cancelled" }],
    [423, { code: "link_frozen" }, { kind: "closed", code: "link_frozen" }],
    [
      503,
      { code: "room_full", detail: "Full." },
      { kind: "later", code: "room_full", afterS: 5, detail: "Full." },
    ],
    [
      503,
      { code: "storage_away", detail: "Away." },
      { kind: "later", code: "unreachable", afterS: 0, detail: "Away." },
    ],
    [502, "<html>bad gateway</html>", { kind: "later", code: "unreachable", afterS: 0, detail: "" }],
    [200, {}, { kind: "later", code: "unreachable", afterS: 0, detail: "" }],
  ])("%i %o", (status, body, meaning) => {
    expect(outcome(status, body, Number.NaN)).toEqual(meaning);
  });

  it("waits as long as the server asks after too many attempts", () => {
    expect(outcome(429, { code: "rate_limited", detail: "" }, 17)).toMatchObject({
      kind: "later",
      afterS: 17,
    });
  });
});

describe("joining", () => {
  const requests: unknown[] = [];
  const reply = async (_url: unknown, request?: RequestInit) => {
    requests.push(JSON.parse(String(request?.body)));
    return new Response("{}", { status: 503 });
  };

  it("takes a seat from another device only when told to (ROOM-2)", async () => {
    const join = joiner("token", "device-key", () => "fr", reply as typeof fetch);
    await join("ask");
    await join("take_over");
    expect(requests).toEqual([
      { token: "token", device_key: "device-key", take_over: false },
      { token: "token", device_key: "device-key", take_over: true },
    ]);
  });

  it("counts a server that cannot be reached as one to ask later", async () => {
    const join = joiner(
      "token",
      "key",
      () => "en",
      () => Promise.reject(new TypeError("network")),
    );
    expect(await join("ask")).toMatchObject({ kind: "later", code: "unreachable" });
  });
});
