/** What every part of the room reaches for: the view, the desk, the words and the time. */
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";
import { useStore } from "zustand";
import type { Desk } from "../connection/desk";
import type { Language } from "../i18n/language";
import { type Words, words } from "../i18n/words";
import type { RoomState } from "../room/state";
import type { View, ViewStore } from "../room/view";
import type { ViewPreferences } from "./preferences";

interface RoomContext {
  readonly view: ViewStore;
  readonly desk: Desk;
  readonly preferences: ViewPreferences;
  readonly say: Words;
  readonly setLanguage: (language: Language) => void;
}

const Context = createContext<RoomContext | null>(null);

export interface RoomProviderProps {
  readonly view: ViewStore;
  readonly desk: Desk;
  readonly preferences: ViewPreferences;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly children: ReactNode;
}

export function RoomProvider({ view, desk, preferences, language, onLanguage, children }: RoomProviderProps) {
  const [now, setNow] = useState(language);
  const value = useMemo(() => {
    const setLanguage = (next: Language) => {
      setNow(next);
      onLanguage(next);
    };
    return { view, desk, preferences, say: words(now), setLanguage };
  }, [view, desk, preferences, now, onLanguage]);
  return <Context value={value}>{children}</Context>;
}

function useRoomContext(): RoomContext {
  const context = useContext(Context);
  if (context === null) throw new Error("outside of a RoomProvider");
  return context;
}

export function useView<T>(select: (view: View) => T): T {
  return useStore(useRoomContext().view, select);
}

/** The room itself; only drawn once there is one. */
export function useRoom<T>(select: (room: RoomState) => T): T {
  return useView(({ room }) => {
    if (room === null) throw new Error("no room yet");
    return select(room);
  });
}

export const useDesk = (): Desk => useRoomContext().desk;
export const useSay = (): Words => useRoomContext().say;
export const usePreferences = (): ViewPreferences => useRoomContext().preferences;
export const useSetLanguage = () => useRoomContext().setLanguage;

const TICK_MS = 250;
const ticking = new Set<() => void>();
let ticker: ReturnType<typeof setInterval> | undefined;
let tickMs = 0;

function onTick(listener: () => void): () => void {
  ticking.add(listener);
  ticker ??= setInterval(() => {
    tickMs = performance.now();
    for (const one of ticking) one();
  }, TICK_MS);
  return () => {
    ticking.delete(listener);
    if (ticking.size > 0) return;
    clearInterval(ticker);
    ticker = undefined;
  };
}

/** Something that changes with time; draws again only when what is selected differs. */
export function useTimed<T extends string | number | boolean | null>(
  select: (room: RoomState, nowMs: number) => T,
): T {
  const { view } = useRoomContext();
  const read = () => {
    const { room } = view.getState();
    if (room === null) throw new Error("no room yet");
    return select(room, Math.max(tickMs, room.clock.atMs));
  };
  const subscribe = useMemo(
    () => (listener: () => void) => {
      const stopTicks = onTick(listener);
      const stopView = view.subscribe(listener);
      return () => {
        stopTicks();
        stopView();
      };
    },
    [view],
  );
  return useSyncExternalStore(subscribe, read);
}

/** True once `is` has held for `ms` without a break. */
export function useHeld(is: boolean, ms: number): boolean {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    setHeld(false);
    if (!is) return;
    const timer = setTimeout(() => setHeld(true), ms);
    return () => clearTimeout(timer);
  }, [is, ms]);
  return held && is;
}
