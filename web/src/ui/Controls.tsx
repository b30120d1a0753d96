/** The bar under the programme: sound for everyone, devices for whoever may speak. */
import { type CSSProperties, type RefObject, useEffect, useState } from "react";
import type { OwnDevice } from "../connection/devices";
import type { Key } from "../i18n/words";
import { isMuted, isOnStage } from "../room/programme";
import type { DeviceState } from "../room/view";
import { useDesk, useRoom, useSay, useView } from "./context";
import { Icon, type IconName } from "./icons";

export interface ControlsProps {
  /** What fills the screen: the room, of which only the programme and what interrupts it are then shown. */
  readonly whole: RefObject<HTMLElement | null>;
  readonly panelOpen: boolean;
  readonly unread: number;
  readonly onPanel: () => void;
  readonly onSettings: () => void;
}

export function Controls({ whole, panelOpen, unread, onPanel, onSettings }: ControlsProps) {
  const say = useSay();
  const desk = useDesk();
  const mayPublish = useRoom((room) => room.me.may_publish);
  return (
    <section className="rbar" aria-label={say("room.region.controls")}>
      <Volume />
      <div className="mid">{mayPublish && <Devices />}</div>
      {!panelOpen && (
        <Tool
          icon="chat"
          words={say("tab.chat")}
          name={unread === 0 ? say("panel.open") : `${say("panel.open")} (${say.count("chat.new", unread)})`}
          badge={unread}
          onClick={onPanel}
        />
      )}
      <Tool icon="settings" words="" name={say("controls.settings")} onClick={onSettings} />
      <FullScreen whole={whole} />
      <button
        type="button"
        className="btn danger plain tool"
        onClick={() => desk.leave()}
        title={say("controls.leave")}
      >
        <Icon name="leave" />
        <span className="lbl">{say("controls.leave")}</span>
      </button>
    </section>
  );
}

interface ToolProps {
  readonly icon: IconName;
  readonly words: string;
  readonly name: string;
  readonly shortcut?: string;
  readonly badge?: number;
  readonly onClick: () => void;
}

function Tool({ icon, words, name, shortcut, badge = 0, onClick }: ToolProps) {
  return (
    <button
      type="button"
      className="btn quiet tool"
      aria-label={name}
      title={name}
      data-shortcut={shortcut}
      onClick={onClick}
    >
      <Icon name={icon} />
      {words !== "" && <span className="lbl">{words}</span>}
      {badge > 0 && <span className="badge now">{badge}</span>}
    </button>
  );
}

function Volume() {
  const say = useSay();
  const desk = useDesk();
  const sound = useView((view) => view.sound);
  const silent = sound.muted || sound.blocked;
  const filled = { "--v": `${sound.volume * 100}%` } as CSSProperties;
  return (
    <div className="vol">
      <Tool
        icon={silent ? "silent" : "sound"}
        words=""
        name={say(silent ? "sound.unmute" : "sound.mute")}
        shortcut="s"
        onClick={() => desk.setSound({ blocked: false, muted: !silent })}
      />
      <input
        className="range"
        type="range"
        min="0"
        max="100"
        step="5"
        value={Math.round(sound.volume * 100)}
        style={filled}
        aria-label={say("sound.volume")}
        onChange={(event) => desk.setSound({ volume: Number(event.currentTarget.value) / 100, muted: false })}
      />
    </div>
  );
}

interface DeviceWords {
  readonly device: OwnDevice;
  readonly words: Key;
  readonly on: Key;
  readonly off: Key;
  readonly icon: IconName;
  readonly iconOff: IconName;
  readonly shortcut: string;
}

const DEVICES: readonly DeviceWords[] = [
  {
    device: "microphone",
    words: "controls.microphone",
    on: "controls.microphone.on",
    off: "controls.microphone.off",
    icon: "mic",
    iconOff: "micOff",
    shortcut: "m",
  },
  {
    device: "camera",
    words: "controls.camera",
    on: "controls.camera.on",
    off: "controls.camera.off",
    icon: "cam",
    iconOff: "camOff",
    shortcut: "v",
  },
  {
    device: "screen",
    words: "controls.screen",
    on: "controls.screen.on",
    off: "controls.screen.off",
    icon: "screen",
    iconOff: "screen",
    shortcut: "d",
  },
];

function Devices() {
  const say = useSay();
  const desk = useDesk();
  const own = useView((view) => view.own);
  const onStage = useRoom(isOnStage);
  const muted = useRoom(isMuted);
  /** Why what is on reaches nobody. */
  const kept = (device: OwnDevice): Key | null => {
    if (device === "camera" && own.screen === "on") return "controls.camera.hidden";
    return device === "microphone" && muted ? "controls.microphone.muted" : null;
  };
  const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";
  return (
    <>
      {DEVICES.filter(({ device }) => device !== "screen" || canShare).map((words) => (
        <DeviceButton
          key={words.device}
          words={words}
          state={own[words.device]}
          kept={kept(words.device)}
          onToggle={() => void desk.toggle(words.device)}
        />
      ))}
      {onStage && (
        <button
          type="button"
          className="btn quiet tool"
          onClick={() => void desk.leaveStage()}
          title={say("controls.leaveStage")}
        >
          <Icon name="user" />
          <span className="lbl">{say("controls.leaveStage")}</span>
        </button>
      )}
    </>
  );
}

interface DeviceButtonProps {
  readonly words: DeviceWords;
  readonly state: DeviceState;
  /** The name of a device that is on and reaches nobody, saying why. */
  readonly kept: Key | null;
  readonly onToggle: () => void;
}

function DeviceButton({ words, state, kept, onToggle }: DeviceButtonProps) {
  const say = useSay();
  const on = state === "on";
  const lit = on && kept === null;
  const name = say(on ? (kept ?? words.off) : words.on);
  return (
    <button
      type="button"
      className={`btn quiet tool device ${state}${on && !lit ? " kept" : ""}`}
      aria-label={name}
      title={name}
      aria-busy={state === "starting"}
      data-shortcut={words.shortcut}
      data-on={lit}
      onClick={onToggle}
    >
      <Icon name={lit ? words.icon : words.iconOff} />
      <span className="lbl">{say(words.words)}</span>
    </button>
  );
}

function FullScreen({ whole }: { readonly whole: RefObject<HTMLElement | null> }) {
  const say = useSay();
  const [full, setFull] = useState(false);
  useEffect(() => {
    const changed = () => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  if (!document.fullscreenEnabled) return null;
  const toggle = () => {
    if (document.fullscreenElement === null) void whole.current?.requestFullscreen();
    else void document.exitFullscreen();
  };
  return (
    <Tool
      icon={full ? "small" : "full"}
      words=""
      name={say(full ? "controls.fullscreen.leave" : "controls.fullscreen")}
      shortcut="f"
      onClick={toggle}
    />
  );
}
