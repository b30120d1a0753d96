/** What this browser keeps for itself: its key, the mark of a press, and what was typed. */

const DEVICE_KEY = "room.device";

/** Where the device check leaves its choices for the room. */
export const CHOSEN_KEYS = { microphone: "room.microphone", camera: "room.camera" } as const;

/** A storage that may be missing or forbidden (private windows, blocked cookies). */
export interface Shelf {
  get(key: string): string | null;
  put(key: string, value: string): void;
  drop(key: string): void;
}

export function shelf(storage: () => Storage): Shelf {
  const memory = new Map<string, string>();
  return {
    get: (key) => attempt(() => storage().getItem(key)) ?? memory.get(key) ?? null,
    put: (key, value) => {
      memory.set(key, value);
      attempt(() => storage().setItem(key, value));
    },
    drop: (key) => {
      memory.delete(key);
      attempt(() => storage().removeItem(key));
    },
  };
}

export const browserShelf = shelf(() => window.localStorage);
export const tabShelf = shelf(() => window.sessionStorage);

/** One key a browser: the same after a reload, another on another device. */
export function deviceKey(kept: Shelf): string {
  const known = kept.get(DEVICE_KEY);
  if (known !== null && /^[A-Za-z0-9_-]{16,64}$/.test(known)) return known;
  const made = randomKey();
  kept.put(DEVICE_KEY, made);
  return made;
}

/** 22 characters of 128 random bits, as the wire's identifiers are written. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** The mark a press leaves in this tab, so that its reload resumes without another. */
export interface PressMark {
  set(): void;
  isSet(): boolean;
  clear(): void;
}

export function pressMark(kept: Shelf, token: string): PressMark {
  const key = `room.joined.${token}`;
  return { set: () => kept.put(key, "1"), isSet: () => kept.get(key) !== null, clear: () => kept.drop(key) };
}

function attempt<T>(what: () => T): T | null {
  try {
    return what();
  } catch {
    return null;
  }
}
