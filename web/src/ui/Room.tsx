/** The room: the programme is the hero; everything else can be folded away. */
import { useCallback, useEffect, useRef, useState } from "react";
import { Closed } from "./Closed";
import { Controls } from "./Controls";
import { eventColour } from "./colour";
import { useHeld, useRoom, useSay, useView } from "./context";
import { HostBar } from "./HostBar";
import { StageSound } from "./media-elements";
import { Announcer, ConnectionBanner, DeviceTrouble, Invitation, MutedNotice, Toast } from "./Notices";
import { Offers } from "./Offer";
import { Panel, type Tab } from "./Panel";
import { Programme } from "./Programme";
import { Settings } from "./Settings";
import { ShortcutsHelp, useShortcuts } from "./Shortcuts";
import { TopBar } from "./TopBar";
import { useUnread } from "./unread";

export function RoomPage() {
  const phase = useView((view) => view.phase);
  const entered = useView((view) => view.room !== null);
  const say = useSay();
  useEffect(() => {
    document.documentElement.lang = say.language;
  }, [say]);
  if (phase.kind === "moved" || phase.kind === "closed" || phase.kind === "left")
    return <Closed phase={phase} />;
  return entered ? <Room /> : <Entering />;
}

/** Reserves the room's places while the first snapshot is on its way; words after three seconds. */
function Entering() {
  const say = useSay();
  const waited = useHeld(true, 300);
  const long = useHeld(true, 3_000);
  return (
    <main className={`room entering${waited ? " waited" : ""}`} aria-busy="true" data-testid="entering">
      <h1 className="sr">{say("room.loading")}</h1>
      <div className="rtop">
        <span className="skel" style={{ width: "16rem" }} />
      </div>
      <div className="rmain">
        <div className="hero">
          <div className="programme" data-theme="dark">
            <div className="overlay" role="status">
              <p className="overlay-more">{long ? say("room.stillConnecting") : say("room.loading")}</p>
            </div>
          </div>
        </div>
      </div>
      <div className="rbar" />
      <div className="panel" />
    </main>
  );
}

type Open = "nothing" | "settings" | "shortcuts";

function Room() {
  const say = useSay();
  const accent = useRoom((room) => room.session.accent);
  const title = useRoom((room) => room.session.title ?? room.session.event_title);
  const mayHost = useRoom((room) => room.me.may_host);
  const mayModerate = useRoom((room) => room.me.may_moderate);
  const moderated = useRoom((room) => room.chat_mode === "moderated" || room.held.length > 0);
  const [tab, setTab] = useState<Tab>(mayModerate && moderated ? "queue" : "chat");
  const [folded, setFolded] = useState(false);
  const [open, setOpen] = useState<Open>("nothing");
  const whole = useRef<HTMLDivElement>(null);
  const toTab = useCallback((next: Tab) => {
    setTab(next);
    setFolded(false);
  }, []);
  const unread = useUnread(tab === "chat" && !folded);
  const help = useCallback(() => setOpen("shortcuts"), []);
  useShortcuts({ onHelp: help, onTab: toTab });
  useEffect(() => {
    document.title = title;
    document.getElementById("room-title")?.focus({ preventScroll: true });
  }, [title]);

  const kinds = ["room", mayHost ? "hostroom" : "of-event", folded ? "panel-folded" : ""].join(" ");
  return (
    <div className={kinds} style={eventColour(accent)} data-testid="room" ref={whole}>
      <a className="skip" href="#panel">
        {say("room.skip")}
      </a>
      <TopBar />
      <ConnectionBanner />
      {mayHost && <HostBar />}
      <main className="rmain" aria-label={say("room.region.programme")}>
        <section className="heroes" aria-label={say("programme.video")}>
          <Programme thread={mayHost ? "in the host bar" : "below"} />
        </section>
        <DeviceTrouble />
        <MutedNotice />
        <Invitation />
        <Offers />
      </main>
      <Controls
        whole={whole}
        panelOpen={!folded}
        unread={unread}
        onPanel={() => toTab("chat")}
        onSettings={() => setOpen("settings")}
      />
      <Panel tab={tab} onTab={setTab} folded={folded} onFold={() => setFolded(!folded)} unread={unread} />
      <StageSound />
      <Toast />
      <Announcer />
      {open === "settings" && <Settings onClose={() => setOpen("nothing")} onShortcuts={help} />}
      {open === "shortcuts" && <ShortcutsHelp onClose={() => setOpen("nothing")} />}
    </div>
  );
}
