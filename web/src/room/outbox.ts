/**
 * Messages on their way: what was typed is never lost.
 *
 *     sending ──► (acknowledged: leaves)
 *        ▲ └────► waiting   the connection is gone; sent again with the same key once it is back
 *        └─────── refused   the server said why; the reader decides
 */
export interface Outgoing {
  readonly key: string;
  readonly text: string;
  readonly state: "sending" | "waiting" | "refused";
  readonly why: string;
}

export type Outbox = readonly Outgoing[];

export function queued(outbox: Outbox, key: string, text: string): Outbox {
  return [...outbox, { key, text, state: "sending", why: "" }];
}

export function sent(outbox: Outbox, key: string): Outbox {
  return outbox.filter((one) => one.key !== key);
}

export function waiting(outbox: Outbox, key: string): Outbox {
  return changed(outbox, key, { state: "waiting", why: "" });
}

export function refused(outbox: Outbox, key: string, why: string): Outbox {
  return changed(outbox, key, { state: "refused", why });
}

export function sendingAgain(outbox: Outbox, key: string): Outbox {
  return changed(outbox, key, { state: "sending", why: "" });
}

/** What a new connection has to send again. */
export function toResend(outbox: Outbox): Outbox {
  return outbox.filter((one) => one.state !== "refused");
}

/** What was kept over a reload; anything that is not an outbox is none. */
export function restored(kept: string | null): Outbox {
  if (kept === null) return [];
  try {
    const parsed: unknown = JSON.parse(kept);
    return Array.isArray(parsed)
      ? parsed.filter(isOutgoing).map((one) => ({ ...one, state: "waiting" }))
      : [];
  } catch {
    return [];
  }
}

function isOutgoing(value: unknown): value is Outgoing {
  return (
    typeof value === "object" &&
    value !== null &&
    "key" in value &&
    typeof value.key === "string" &&
    "text" in value &&
    typeof value.text === "string"
  );
}

function changed(outbox: Outbox, key: string, change: Partial<Outgoing>): Outbox {
  return outbox.map((one) => (one.key === key ? { ...one, ...change } : one));
}
