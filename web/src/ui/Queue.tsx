/** The moderator's queue: oldest first, by keyboard or thumb. A rejection can be undone for five seconds. */
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { UNDO_MS } from "../connection/desk";
import { clock } from "../i18n/language";
import { initials } from "../room/people";
import { serverNow } from "../room/state";
import type { Message } from "../wire";
import { useDesk, useRoom, useSay, useTimed, useView } from "./context";
import { Icon } from "./icons";

export function Queue() {
  const say = useSay();
  const desk = useDesk();
  const held = useRoom((room) => room.held);
  const mode = useRoom((room) => room.chat_mode);
  const rejecting = useView((view) => view.rejecting);
  const waiting = held.filter((message) => !rejecting.includes(message.message_id));
  const [chosen, setChosen] = useState("");
  const list = useRef<HTMLOListElement>(null);
  const open = waiting.filter((message) => !isCollected(message));
  const present = waiting.find((message) => message.message_id === chosen) ?? open[0] ?? waiting[0];
  const at = present === undefined ? 0 : waiting.indexOf(present);
  const collecting = open.length === 0 && waiting.length > 0;

  const move = (to: number) => {
    const message = waiting[Math.min(Math.max(to, 0), waiting.length - 1)];
    if (message === undefined) return;
    setChosen(message.message_id);
    list.current?.querySelector<HTMLElement>(`[data-message="${message.message_id}"]`)?.focus();
  };
  /** Decides, then goes on with the next in line, which takes the focus along. */
  const decide = (what: (messageId: string) => unknown, message: Message) => {
    const index = waiting.indexOf(message);
    what(message.message_id);
    move(index + 1 < waiting.length ? index + 1 : index - 1);
  };
  const approveAll = () => {
    for (const message of open) void desk.approve(message.message_id);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    move(at + step);
  };

  return (
    <>
      <div className="scroll">
        {waiting.length === 0 && (
          <div className="empty">
            <p className="strong">{say("queue.empty")}</p>
            <p>
              {say(
                mode === "moderated" || mode === "reply_later"
                  ? "queue.empty.moderated"
                  : "queue.empty.other",
              )}
            </p>
          </div>
        )}
        {collecting && <p className="small soft collecting">{say("queue.collecting")}</p>}
        <ol className="queue" ref={list} aria-label={say("queue.list")} onKeyDown={onKey}>
          {waiting.map((message) => (
            <Waiting
              key={message.message_id}
              message={message}
              place={message === present ? "present" : "in line"}
              decisions={!isCollected(message) ? "open" : collecting ? "none" : "none, and says why"}
              onChoose={() => setChosen(message.message_id)}
              onApprove={() => decide((id) => desk.approve(id), message)}
              onReject={() => decide((id) => desk.reject(id), message)}
            />
          ))}
        </ol>
      </div>
      <div className="queue-foot">
        <Undo />
        <p className="keys">
          <span aria-hidden="true">
            <kbd>↑</kbd>
            <kbd>↓</kbd> {say("queue.move")}
          </span>
          {open.length > 1 && (
            <button type="button" className="btn quiet tight" data-shortcut="Shift+A" onClick={approveAll}>
              {say("queue.approveAll")} <kbd aria-hidden="true">⇧A</kbd>
            </button>
          )}
        </p>
      </div>
    </>
  );
}

interface WaitingProps {
  readonly message: Message;
  readonly place: "present" | "in line";
  readonly decisions: "open" | "none" | "none, and says why";
  readonly onChoose: () => void;
  readonly onApprove: () => void;
  readonly onReject: () => void;
}

function Waiting({ message, place, decisions, onChoose, onApprove, onReject }: WaitingProps) {
  const say = useSay();
  const textId = useId();
  const here = place === "present";
  const since = useTimed((room, nowMs) =>
    clock((serverNow(room, nowMs) - Date.parse(message.sent_at)) / 1000),
  );
  const shortcut = (key: string) => (here ? { "data-shortcut": key } : {});
  return (
    <li
      aria-current={here}
      tabIndex={here ? 0 : -1}
      data-message={message.message_id}
      data-testid="queue-item"
      aria-labelledby={textId}
      onFocus={onChoose}
    >
      <div className="msg">
        <span className="avatar" aria-hidden="true">
          {initials(message.author_name)}
        </span>
        <div className="who">
          <b className="cut">{message.author_name}</b>
          <span className="num">{say("queue.since", { time: since })}</span>
        </div>
        <p id={textId} dir="auto">
          {message.text}
        </p>
      </div>
      {decisions === "open" && (
        <div className="acts">
          <button
            type="button"
            className="btn secondary tight"
            aria-describedby={textId}
            onClick={onApprove}
            {...shortcut("a")}
          >
            <Icon name="check" />
            {say("queue.approve")} {here && <kbd aria-hidden="true">A</kbd>}
          </button>
          <button
            type="button"
            className="btn danger tight"
            aria-describedby={textId}
            onClick={onReject}
            {...shortcut("r")}
          >
            <Icon name="x" />
            {say("queue.reject")} {here && <kbd aria-hidden="true">R</kbd>}
          </button>
        </div>
      )}
      {decisions === "none, and says why" && <p className="small soft">{say("queue.collected")}</p>}
    </li>
  );
}

/** Written to the team alone: it is never published, whatever the mode is by now. */
function isCollected(message: Message): boolean {
  return message.mode === "reply_later";
}

function Undo() {
  const say = useSay();
  const desk = useDesk();
  const rejecting = useView((view) => view.rejecting);
  const held = useRoom((room) => room.held);
  const last = rejecting.at(-1);
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (last === undefined) return;
    const run = bar.current?.animate?.([{ width: "100%" }, { width: "0%" }], {
      duration: UNDO_MS,
      easing: "linear",
    });
    return () => run?.cancel();
  }, [last]);
  if (last === undefined) return null;
  const name = held.find((message) => message.message_id === last)?.author_name ?? "";
  const words =
    rejecting.length > 1
      ? say.count("queue.rejected.many", rejecting.length)
      : say("queue.rejected", { name });
  return (
    <div className="toast undo" role="status">
      <span className="cut">{words}</span>
      <button type="button" className="btn quiet tight" data-shortcut="z" onClick={() => desk.undoRejects()}>
        {say("queue.undo")} <kbd aria-hidden="true">Z</kbd>
      </button>
      <span className="left" ref={bar} />
    </div>
  );
}
