/** Where one writes. What is typed survives a reload and a lost connection. */
import {
  type FormEvent,
  type KeyboardEvent,
  type RefObject,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import type { Words } from "../i18n/words";
import { type ChatMode, MAX_TEXT_CHARS } from "../wire";
import { useDesk, usePreferences, useRoom, useSay } from "./context";
import { Icon } from "./icons";

const WARN_LEFT = 200;

export function Composer() {
  const say = useSay();
  const desk = useDesk();
  const preferences = usePreferences();
  const hintId = useId();
  const mode = useRoom((room) => room.chat_mode);
  const team = useRoom((room) => room.me.may_moderate);
  const over = useRoom((room) => room.session.state === "ended");
  const [text, setText] = useState(preferences.draft);
  const closed = mode === "none" || over;
  const left = MAX_TEXT_CHARS - text.length;

  const form = useRef<HTMLFormElement>(null);
  useHeightTold(form);

  const change = (next: string) => {
    setText(next);
    preferences.setDraft(next);
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (trimmed === "" || closed) return;
    change("");
    void desk.post(trimmed);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) send(event);
  };

  return (
    <form className="write" onSubmit={send} ref={form}>
      <div className="box">
        <textarea
          id="message"
          rows={1}
          value={text}
          maxLength={MAX_TEXT_CHARS}
          disabled={closed}
          aria-label={say("chat.field")}
          aria-describedby={hintId}
          placeholder={closed ? "" : placeholder(mode, team, say)}
          data-shortcut="c"
          onChange={(event) => change(event.currentTarget.value)}
          onKeyDown={onKey}
        />
        <button
          type="submit"
          className="btn quiet icon tight"
          disabled={closed || text.trim() === ""}
          aria-label={say("chat.send")}
          title={say("chat.send")}
        >
          <Icon name="send" />
        </button>
      </div>
      <p className="small faint" id={hintId}>
        {left <= WARN_LEFT ? say.count("chat.left", left) : hint(over ? "none" : mode, team, say)}
      </p>
    </form>
  );
}

/** Lets what floats stay above the place where one writes, however tall it is. */
function useHeightTold(form: RefObject<HTMLFormElement | null>): void {
  useEffect(() => {
    const element = form.current;
    if (element === null) return;
    const { style } = document.documentElement;
    const watcher = new ResizeObserver(() => style.setProperty("--composer", `${element.offsetHeight}px`));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      style.removeProperty("--composer");
    };
  }, [form]);
}

function placeholder(mode: ChatMode, team: boolean, say: Words): string {
  return say(mode === "reply_later" && !team ? "chat.placeholder.reply_later" : "chat.placeholder");
}

function hint(mode: ChatMode, team: boolean, say: Words): string {
  if (team && (mode === "moderated" || mode === "reply_later")) return say(`chat.mode.${mode}.teamHint`);
  return say(`chat.mode.${mode}.hint`);
}
