/** What this browser's reader prefers, kept over visits: devices, sound, single-key shortcuts. */
import { CHOSEN_KEYS, type Shelf } from "../connection/device";
import type { Chosen } from "../connection/devices";
import type { Sound } from "../room/view";

const SHORTCUTS = "room.shortcuts";
const SOUND = "room.sound";

export interface ViewPreferences {
  chosen(): Chosen;
  choose(device: keyof Chosen, deviceId: string): void;
  shortcuts(): boolean;
  setShortcuts(on: boolean): void;
  draft(): string;
  setDraft(text: string): void;
}

export function preferences(browser: Shelf, tab: Shelf, token: string): ViewPreferences {
  const draftKey = `room.draft.${token}`;
  return {
    chosen: () => ({
      microphone: browser.get(CHOSEN_KEYS.microphone) ?? "",
      camera: browser.get(CHOSEN_KEYS.camera) ?? "",
    }),
    choose: (device, deviceId) => browser.put(CHOSEN_KEYS[device], deviceId),
    shortcuts: () => browser.get(SHORTCUTS) !== "off",
    setShortcuts: (on) => browser.put(SHORTCUTS, on ? "on" : "off"),
    draft: () => tab.get(draftKey) ?? "",
    setDraft: (text) => (text === "" ? tab.drop(draftKey) : tab.put(draftKey, text)),
  };
}

export function keptSound(tab: Shelf): Sound {
  try {
    const kept: unknown = JSON.parse(tab.get(SOUND) ?? "{}");
    const { muted, volume } = kept as { muted?: unknown; volume?: unknown };
    const loud = typeof volume === "number" && volume >= 0 && volume <= 1 ? volume : 1;
    return { blocked: false, muted: muted === true, volume: loud };
  } catch {
    return { blocked: false, muted: false, volume: 1 };
  }
}
