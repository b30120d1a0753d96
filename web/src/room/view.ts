/** Everything the interface draws from, in one store: the room, the connection's phase, sound, own devices. */
import { createStore } from "zustand/vanilla";
import type { ChatMode, Message, RemovedReason } from "../wire";
import type { Outbox } from "./outbox";
import type { RoomState } from "./state";

/**
 *     entering ──► inside ◄──► returning
 *        any ──► moved | closed | left      final until the reader presses something
 */
export type Phase =
  | { readonly kind: "entering"; readonly trouble: boolean }
  | { readonly kind: "inside" }
  | { readonly kind: "returning"; readonly reason: "lost" | "full" }
  | { readonly kind: "moved"; readonly device: string; readonly at: string }
  | { readonly kind: "closed"; readonly reason: ClosedReason }
  | { readonly kind: "left" };

export type ClosedReason = RemovedReason | "session_missed" | "unknown_link";

/** How the media transport is doing. */
export type Transport = "none" | "connecting" | "connected" | "failed";

export interface MediaStreams {
  readonly programme: MediaStream | null;
  /** By slot, from 1: what the stage sends. Index 0 is unused. */
  readonly voices: readonly (MediaStream | null)[];
  readonly faces: readonly (MediaStream | null)[];
}

export const NO_STREAMS: MediaStreams = { programme: null, voices: [], faces: [] };

export type DeviceState = "off" | "starting" | "on";
export type DeviceTrouble = "denied" | "missing" | "busy";

export interface Own {
  readonly microphone: DeviceState;
  readonly camera: DeviceState;
  readonly screen: DeviceState;
  /** What others see: the camera's picture or the shared screen. */
  readonly picture: MediaStream | null;
  readonly trouble: {
    readonly device: "microphone" | "camera" | "screen";
    readonly why: DeviceTrouble;
  } | null;
}

export const NOTHING_OWN: Own = {
  microphone: "off",
  camera: "off",
  screen: "off",
  picture: null,
  trouble: null,
};

export interface Sound {
  /** The browser refused to start with sound; one press turns it on. */
  readonly blocked: boolean;
  readonly muted: boolean;
  readonly volume: number;
}

export interface Toast {
  readonly id: number;
  readonly text: string;
  /** Takes back what it says, while it is there. */
  readonly undo: (() => void) | null;
}

export interface View {
  readonly phase: Phase;
  readonly room: RoomState | null;
  readonly transport: Transport;
  readonly streams: MediaStreams;
  readonly own: Own;
  readonly sound: Sound;
  readonly outbox: Outbox;
  /** Own messages that the team did not publish, kept on this page so that their words are not lost. */
  readonly declined: readonly Message[];
  /** Rejections that can still be undone, by message id. */
  readonly rejecting: readonly string[];
  readonly toast: Toast | null;
  /** CTAs that the reader put away, until they are shown anew. */
  readonly hiddenCtas: readonly string[];
  readonly modeChanges: readonly ModeChange[];
}

/** The chat mode changed while the reader was here, after this message. */
export interface ModeChange {
  readonly mode: ChatMode;
  readonly after: string | null;
}

export type ViewStore = ReturnType<typeof createView>;

export function createView(sound: Sound) {
  return createStore<View>()(() => ({
    phase: { kind: "entering", trouble: false },
    room: null,
    transport: "none",
    streams: NO_STREAMS,
    own: NOTHING_OWN,
    sound,
    outbox: [],
    declined: [],
    rejecting: [],
    toast: null,
    hiddenCtas: [],
    modeChanges: [],
  }));
}
