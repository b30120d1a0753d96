/**
 * One story an address: `?story=playing&role=host&lang=fr`. The code is the product's; only the server, the
 * network and the cameras are played.
 */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Desk } from "../src/connection/desk";
import { browserShelf, shelf } from "../src/connection/device";
import type { Joined } from "../src/connection/join";
import type { MediaEvents } from "../src/connection/media";
import { RoomConnection } from "../src/connection/room-connection";
import { asLanguage } from "../src/i18n/language";
import { words } from "../src/i18n/words";
import { createView } from "../src/room/view";
import { RoomProvider } from "../src/ui/context";
import { preferences } from "../src/ui/preferences";
import { RoomPage } from "../src/ui/Room";
import type { Role, Snapshot } from "../src/wire";
import { FakeRoom } from "./fake-room";
import * as rooms from "./snapshots";
import "../src/ui/tokens.css";
import "../src/ui/base.css";
import "../src/ui/parts.css";
import "../src/ui/style/index.css";

const asked = new URLSearchParams(location.search);
const role = (asked.get("role") ?? "participant") as Role;
const language = asLanguage(asked.get("lang") ?? "en");
const story = asked.get("story") ?? "playing";
const setting = { role, nowMs: Date.now() };

const SNAPSHOTS: Readonly<Record<string, (setting: rooms.Setting) => Snapshot>> = {
  playing: rooms.automated,
  waiting: rooms.waiting,
  buffer: rooms.buffering,
  taken: rooms.takenOver,
  live: rooms.live,
  livewait: rooms.liveWaiting,
};

function moving(draw: (context: CanvasRenderingContext2D, t: number) => void): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 720;
  const context = canvas.getContext("2d");
  const step = (t: number) => {
    if (context !== null) draw(context, t / 1000);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
  return canvas.captureStream(25);
}

function film(context: CanvasRenderingContext2D, t: number): void {
  const sky = context.createLinearGradient(0, 0, 1280, 720);
  sky.addColorStop(0, "#2e6270");
  sky.addColorStop(0.6, "#183740");
  sky.addColorStop(1, "#3a2c22");
  context.fillStyle = sky;
  context.fillRect(0, 0, 1280, 720);
  context.fillStyle = "#e9e4d8";
  context.fillRect(110, 100, 700, 460);
  ["#0b6a78", "#c98a3a", "#7c8f89", "#0b6a78", "#c98a3a"].forEach((colour, row) => {
    context.fillStyle = colour;
    context.fillRect(
      150 + ((row * 97) % 300) + Math.sin(t + row) * 8,
      160 + row * 78,
      220 + (row % 3) * 60,
      40,
    );
  });
  context.fillStyle = "#24434b";
  context.beginPath();
  context.ellipse(1010, 720, 210, 300, 0, 0, 7);
  context.fill();
  context.fillStyle = "#c08a66";
  context.beginPath();
  context.ellipse(1010, 330 + Math.sin(t * 2) * 3, 78, 100, 0, 0, 7);
  context.fill();
}

function face(context: CanvasRenderingContext2D, t: number): void {
  context.fillStyle = "#3b3a37";
  context.fillRect(0, 0, 1280, 720);
  context.fillStyle = "#7a4a3a";
  context.beginPath();
  context.ellipse(640, 780, 330, 330, 0, 0, 7);
  context.fill();
  context.fillStyle = "#a9714f";
  context.beginPath();
  context.ellipse(640, 330 + Math.sin(t * 2) * 4, 130, 170, 0, 0, 7);
  context.fill();
}

const room = new FakeRoom((SNAPSHOTS[story] ?? rooms.automated)(setting));

function fakeMedia(events: MediaEvents) {
  const programme = moving(film);
  const guest = moving(face);
  return {
    publishing: "publish" as const,
    iceServers: [],
    connect: async () => {
      if (story === "nopicture" || asked.has("nomedia")) return events.transport("connecting");
      events.streams({ programme, voices: [null], faces: [null, guest] });
      events.transport("connected");
    },
    send: async () => {},
    rest: async () => {},
    decoded: async () => {},
    lost: () => {},
    close: () => {},
  };
}

const never = new Promise<Joined>(() => {});
const memory = shelf(() => {
  throw new Error("stories keep nothing");
});
const view = createView({ blocked: asked.has("blocked"), muted: false, volume: 0.7 });
const say = words(language);
const connection = new RoomConnection(view, {
  join: () => never,
  openSocket: room.open,
  mark: { set: () => {}, clear: () => {}, isSet: () => false },
  media: fakeMedia,
  mediaDevices: navigator.mediaDevices,
  chosen: () => ({ microphone: "", camera: "" }),
  nowMs: () => performance.now(),
  random: () => 0,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});
const desk = new Desk(
  view,
  connection,
  memory,
  "story",
  {
    notSent: () => say("error.notSent"),
    declined: () => say("chat.declined.said"),
    extended: () => say("host.extended"),
    takenBack: () => say("host.extended.undone"),
    sentOff: () => say("stage.sentOff"),
  },
  {
    after: (ms, what) => {
      const timer = setTimeout(what, ms);
      return () => clearTimeout(timer);
    },
  },
);
connection.enter({ signallingUrl: "", ticket: "story", iceServers: [] });

const ENDINGS: Readonly<Record<string, () => void>> = {
  entering: () => view.setState({ room: null, phase: { kind: "entering", trouble: false } }),
  lost: () => room.drop(),
  moved: () =>
    room.tell([
      "seat.moved",
      { device: "Firefox sous Windows", at: new Date(Date.now() - 60_000).toISOString() },
    ]),
  removed: () => room.tell(["seat.removed", { reason: "removed" }]),
  over: () => room.tell(["seat.removed", { reason: "session_over" }]),
  cancelled: () => room.tell(["seat.removed", { reason: "session_cancelled" }]),
  frozen: () => room.tell(["seat.removed", { reason: "link_frozen" }]),
  ended: () => room.tell(["session.state", { state: "ended", started_at: room.snapshot.session.started_at }]),
  left: () => desk.leave(),
  invited: () => room.tell(["stage.changed", { on_stage: [], invited: [room.snapshot.me.person_id] }]),
  nochat: () => room.tell(["chat.mode", { mode: "none" }]),
  later: () => room.tell(["chat.mode", { mode: "reply_later" }]),
};
setTimeout(() => ENDINGS[story]?.(), 300);
Object.assign(window, { room, desk, view });

const root = document.getElementById("room");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <RoomProvider
        view={view}
        desk={desk}
        preferences={preferences(browserShelf, memory, "story")}
        language={language}
        onLanguage={() => {}}
      >
        <RoomPage />
      </RoomProvider>
    </StrictMode>,
  );
}
