/** The way in: builds the room around a seat just taken and draws it in place of the access page. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Desk, type Timers } from "./connection/desk";
import { browserShelf, type PressMark, tabShelf } from "./connection/device";
import type { Grant, Join } from "./connection/join";
import { MediaLink } from "./connection/media";
import { RoomConnection } from "./connection/room-connection";
import { openSocket } from "./connection/socket";
import type { Language } from "./i18n/language";
import { words } from "./i18n/words";
import { createView } from "./room/view";
import { RoomProvider } from "./ui/context";
import { keptSound, preferences } from "./ui/preferences";
import { RoomPage } from "./ui/Room";
import "./ui/style/index.css";

export interface Entry {
  readonly root: HTMLElement;
  readonly token: string;
  readonly language: Language;
  readonly grant: Grant;
  readonly join: Join;
  readonly mark: PressMark;
  readonly onLanguage: (language: Language) => void;
}

export function enterRoom({ root, token, language, grant, join, mark, onLanguage }: Entry): void {
  const prefer = preferences(browserShelf, tabShelf, token);
  const view = createView(keptSound(tabShelf));
  const connection = new RoomConnection(view, {
    join,
    openSocket,
    mark,
    media: (events) => new MediaLink(events),
    mediaDevices: navigator.mediaDevices,
    chosen: prefer.chosen,
    nowMs: () => performance.now(),
    random: Math.random,
    pause,
  });
  let said = words(language);
  const texts = {
    notSent: () => said("error.notSent"),
    declined: () => said("chat.declined.said"),
    extended: () => said("host.extended"),
    takenBack: () => said("host.extended.undone"),
    sentOff: () => said("stage.sentOff"),
  };
  const desk = new Desk(view, connection, tabShelf, token, texts, timers);
  window.addEventListener("pagehide", () => desk.flush());
  connection.enter(grant);
  const spoken = (next: Language) => {
    said = words(next);
    onLanguage(next);
  };
  createRoot(root).render(
    <StrictMode>
      <RoomProvider view={view} desk={desk} preferences={prefer} language={language} onLanguage={spoken}>
        <RoomPage />
      </RoomProvider>
    </StrictMode>,
  );
}

const timers: Timers = {
  after: (ms, what) => {
    const timer = setTimeout(what, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits, or less when the network or the reader comes back. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", seen);
      resolve();
    };
    const seen = () => {
      if (!document.hidden) done();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", seen);
  });
}
