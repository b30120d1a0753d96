/** The side panel: the moderator's queue, the chat, the people. On a phone it is a sheet. */
import { type KeyboardEvent, useId, useRef } from "react";
import type { Key } from "../i18n/words";
import { Chat } from "./Chat";
import { useRoom, useSay, useView } from "./context";
import { Icon } from "./icons";
import { People } from "./People";
import { Queue } from "./Queue";

export type Tab = "queue" | "chat" | "people";

const NAMES: Readonly<Record<Tab, Key>> = { queue: "tab.queue", chat: "tab.chat", people: "tab.people" };

export interface PanelProps {
  readonly tab: Tab;
  readonly onTab: (tab: Tab) => void;
  readonly onFold: () => void;
  readonly folded: boolean;
  /** Chat messages that the reader has not seen. */
  readonly unread: number;
}

export function Panel({ tab, onTab, onFold, folded, unread }: PanelProps) {
  const say = useSay();
  const id = useId();
  const team = useRoom((room) => room.me.may_moderate);
  const tabs: readonly Tab[] = team ? ["queue", "chat", "people"] : ["chat", "people"];
  const list = useRef<HTMLDivElement>(null);
  const fold = say(folded ? "panel.open" : "panel.close");

  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length] ?? "chat";
    onTab(to);
    list.current?.querySelector<HTMLElement>(`[data-tab="${to}"]`)?.focus();
  };

  return (
    <section className={`panel${folded ? " folded" : ""}`} aria-label={say("room.region.panel")} id="panel">
      <button type="button" className="grab" aria-expanded={!folded} aria-label={fold} onClick={onFold} />
      <div className="tabrow">
        <div
          className="tabs"
          role="tablist"
          aria-label={say("room.region.panel")}
          ref={list}
          onKeyDown={onKey}
        >
          {tabs.map((one) => (
            <button
              key={one}
              type="button"
              role="tab"
              id={`${id}-${one}`}
              data-tab={one}
              aria-controls={`${id}-panel`}
              aria-selected={one === tab}
              tabIndex={one === tab ? 0 : -1}
              onClick={() => {
                onTab(one);
                if (folded) onFold();
              }}
            >
              {say(NAMES[one])}
              <Badge tab={one} unread={unread} />
            </button>
          ))}
        </div>
        <button
          type="button"
          className="btn quiet icon tight fold"
          aria-expanded={!folded}
          aria-label={fold}
          title={fold}
          onClick={onFold}
        >
          <Icon name="panel" />
        </button>
      </div>
      {!folded && (
        <div className="tabpanel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
          {tab === "queue" && <Queue />}
          {tab === "chat" && <Chat />}
          {tab === "people" && <People />}
        </div>
      )}
    </section>
  );
}

function Badge({ tab, unread }: Pick<PanelProps, "tab" | "unread">) {
  const say = useSay();
  const held = useRoom((room) => room.held.length);
  const rejecting = useView((view) => view.rejecting.length);
  const count = useRoom((room) => room.count);
  const waiting = Math.max(0, held - rejecting);
  if (tab === "people") return <span className="badge">{count}</span>;
  const [number, words] =
    tab === "queue" ? [waiting, "tab.queue.count" as const] : [unread, "chat.new" as const];
  if (number === 0) return null;
  return (
    <>
      <span className="badge now" aria-hidden="true">
        {number}
      </span>
      <span className="sr">{say.count(words, number)}</span>
    </>
  );
}
