/**
 * Single-key shortcuts. A key presses the control that carries it in `data-shortcut`, so that a shortcut can
 * never do what the page does not offer. They rest while one writes, in dialogs, and when switched off.
 */
import { useEffect } from "react";
import type { Key } from "../i18n/words";
import { usePreferences, useRoom, useSay } from "./context";
import { Dialog } from "./Dialog";
import type { Tab } from "./Panel";

export interface ShortcutsProps {
  readonly onHelp: () => void;
  readonly onTab: (tab: Tab) => void;
}

export function useShortcuts({ onHelp, onTab }: ShortcutsProps): void {
  const preferences = usePreferences();
  const team = useRoom((room) => room.me.may_moderate);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isShortcut(event) && preferences.shortcuts() && done(event, team, onHelp, onTab))
        event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [preferences, team, onHelp, onTab]);
}

/** Does what the key stands for; false when it stands for nothing here. */
function done(event: KeyboardEvent, team: boolean, onHelp: () => void, onTab: (tab: Tab) => void): boolean {
  if (event.key === "?") onHelp();
  else if (event.key === "q" && team) onTab("queue");
  else if (event.key === "c") writeSoon(onTab);
  else return press(event);
  return true;
}

/** A bare key just pressed, not held, while nobody writes and no dialog is open. */
function isShortcut(event: KeyboardEvent): boolean {
  const bare = !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented && !event.repeat;
  return bare && !isWriting(event.target) && document.querySelector("dialog[open]") === null;
}

function press(event: KeyboardEvent): boolean {
  const key = event.shiftKey ? `Shift+${event.key.toUpperCase()}` : event.key.toLowerCase();
  const control = [...document.querySelectorAll<HTMLElement>("[data-shortcut]")].find(
    (one) => one.dataset.shortcut === key,
  );
  if (control === undefined) return false;
  control.click();
  return true;
}

function writeSoon(onTab: (tab: Tab) => void): void {
  onTab("chat");
  requestAnimationFrame(() => document.getElementById("message")?.focus());
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" && target.type !== "range";
  return (
    target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
  );
}

interface Line {
  readonly keys: readonly string[];
  readonly does: Key;
}

const ROOM: readonly Line[] = [
  { keys: ["C"], does: "shortcuts.write" },
  { keys: ["S"], does: "shortcuts.mute" },
  { keys: ["F"], does: "shortcuts.fullscreen" },
  { keys: ["?"], does: "shortcuts.help" },
];
const SPEAKER: readonly Line[] = [
  { keys: ["M"], does: "shortcuts.microphone" },
  { keys: ["V"], does: "shortcuts.camera" },
  { keys: ["D"], does: "shortcuts.screen" },
];
const TIMELINE: readonly Line[] = [
  { keys: ["T"], does: "shortcuts.takeOver" },
  { keys: ["B"], does: "shortcuts.extend" },
  { keys: ["Z"], does: "shortcuts.undoExtend" },
  { keys: ["K"], does: "shortcuts.skip" },
  { keys: ["L"], does: "shortcuts.cta" },
  { keys: ["E"], does: "shortcuts.end" },
];
const LIVE: readonly Line[] = [
  { keys: ["G"], does: "shortcuts.start" },
  { keys: ["E"], does: "shortcuts.end" },
];
const QUEUE: readonly Line[] = [
  { keys: ["Q"], does: "shortcuts.queueTab" },
  { keys: ["↑", "↓"], does: "shortcuts.move" },
  { keys: ["A"], does: "shortcuts.approve" },
  { keys: ["R"], does: "shortcuts.reject" },
  { keys: ["Z"], does: "shortcuts.undo" },
  { keys: ["⇧", "A"], does: "shortcuts.approveAll" },
];

export function ShortcutsHelp({ onClose }: { readonly onClose: () => void }) {
  const say = useSay();
  const me = useRoom((room) => room.me);
  const automated = useRoom((room) => room.session.room_type === "automated");
  return (
    <Dialog title={say("shortcuts.title")} onClose={onClose}>
      <div className="shortcuts">
        <Lines title={say("shortcuts.room")} lines={me.may_publish ? [...ROOM, ...SPEAKER] : ROOM} />
        {me.may_host && <Lines title={say("shortcuts.host")} lines={automated ? TIMELINE : LIVE} />}
        {me.may_moderate && <Lines title={say("shortcuts.queue")} lines={QUEUE} />}
      </div>
    </Dialog>
  );
}

function Lines({ title, lines }: { readonly title: string; readonly lines: readonly Line[] }) {
  const say = useSay();
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {lines.map((line) => (
          <div key={line.does}>
            <dt>
              {line.keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{say(line.does)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
