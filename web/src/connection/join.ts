/**
 * `POST /api/join`: takes the seat, or says why not. The only request that takes anything.
 */

export interface Grant {
  readonly signallingUrl: string;
  readonly ticket: string;
  /** The way around a firewall, where the operator has one. */
  readonly iceServers: readonly RTCIceServer[];
}

/** A join that must not be repeated by itself. */
export type FinalCode =
  | "unknown_link"
  | "removed"
  | "link_revoked"
  | "link_frozen"
  | "session_cancelled"
  | "session_over";

export type Joined =
  | { readonly kind: "granted"; readonly grant: Grant }
  | {
      readonly kind: "taken";
      readonly device: string;
      readonly since: string;
      readonly policy: "move" | "refuse";
    }
  | { readonly kind: "early"; readonly opensAt: string }
  | { readonly kind: "closed"; readonly code: FinalCode }
  | {
      readonly kind: "later";
      readonly code: "room_full" | "busy" | "unreachable";
      readonly afterS: number;
      readonly detail: string;
    };

export type Join = (takeOver: TakeOver) => Promise<Joined>;

export type TakeOver = "ask" | "take_over";

const FINAL: ReadonlySet<string> = new Set<FinalCode>([
  "unknown_link",
  "removed",
  "link_revoked",
  "link_frozen",
  "session_cancelled",
  "session_over",
]);

const TIMEOUT_MS = 10_000;

export function joiner(token: string, deviceKey: string, language: () => string, send: typeof fetch): Join {
  return async (takeOver) => {
    const request: RequestInit = {
      method: "POST",
      headers: { "content-type": "application/json", "accept-language": language() },
      body: JSON.stringify({ token, device_key: deviceKey, take_over: takeOver === "take_over" }),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    try {
      const reply = await send("/api/join", request);
      return outcome(reply.status, await reply.json(), Number(reply.headers.get("retry-after")));
    } catch {
      return UNREACHABLE;
    }
  };
}

const UNREACHABLE: Joined = { kind: "later", code: "unreachable", afterS: 0, detail: "" };

/** What a reply means. A reply that no server of ours would give counts as unreachable. */
export function outcome(status: number, body: unknown, retryAfterS: number): Joined {
  const said = isRecord(body) ? body : {};
  if (status === 200) return granted(said);
  const code = text(said.code);
  if (status === 409 && code === "seat_taken") {
    const policy = said.policy === "refuse" ? "refuse" : "move";
    return { kind: "taken", device: text(said.device), since: text(said.since), policy };
  }
  if (status === 425) return { kind: "early", opensAt: text(said.opens_at) };
  if (isFinal(code)) return { kind: "closed", code };
  return later(status, code, text(said.detail), Number.isFinite(retryAfterS) ? retryAfterS : 0);
}

function later(status: number, code: string, detail: string, afterS: number): Joined {
  if (status === 503 && code === "room_full")
    return { kind: "later", code, afterS: Math.max(afterS, 5), detail };
  if (status === 429) return { kind: "later", code: "busy", afterS: Math.max(afterS, 2), detail };
  return code === "" ? UNREACHABLE : { kind: "later", code: "unreachable", afterS, detail };
}

function granted(said: Readonly<Record<string, unknown>>): Joined {
  const grant = {
    signallingUrl: text(said.signalling_url),
    ticket: text(said.ticket),
    iceServers: Array.isArray(said.ice_servers) ? said.ice_servers.filter(isRecord).map(iceServer) : [],
  };
  return grant.ticket === "" ? UNREACHABLE : { kind: "granted", grant };
}

function iceServer(said: Readonly<Record<string, unknown>>): RTCIceServer {
  const urls = Array.isArray(said.urls) ? said.urls.map(text) : [];
  return { urls, username: text(said.username), credential: text(said.credential) };
}

function isFinal(code: string): code is FinalCode {
  return FINAL.has(code);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
