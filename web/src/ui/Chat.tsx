/** The conversation: what everyone reads, what of mine still waits, and a place to write. */
import { Fragment, useEffect, useLayoutEffect, useRef, useState } from "react";
import { timeOfDay } from "../i18n/language";
import type { Outgoing } from "../room/outbox";
import { initials } from "../room/people";
import type { ChatMode, Message } from "../wire";
import { Composer } from "./Composer";
import { useDesk, useRoom, useSay, useView } from "./context";
import { Glyph, Icon } from "./icons";

const DRAWN = 150;
const MODES: readonly ChatMode[] = ["open", "moderated", "reply_later", "none"];

export function Chat() {
  const team = useRoom((room) => room.me.may_moderate);
  return (
    <>
      {team && <ModeSwitch />}
      <Log />
      <Composer />
    </>
  );
}

function ModeSwitch() {
  const say = useSay();
  const desk = useDesk();
  const mode = useRoom((room) => room.chat_mode);
  return (
    <div className="modebar">
      <label className="row">
        <span className="small soft nowrap">{say("chat.mode.label")}</span>
        <select
          className="select tight"
          value={mode}
          data-testid="chat-mode"
          onChange={(event) => {
            const chosen = MODES.find((one) => one === event.currentTarget.value);
            if (chosen !== undefined) void desk.setChatMode(chosen);
          }}
        >
          {MODES.map((one) => (
            <option key={one} value={one}>
              {say(`chat.mode.${one}`)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Log() {
  const say = useSay();
  const messages = useRoom((room) => room.messages);
  const held = useRoom((room) => room.held);
  const me = useRoom((room) => room.me.person_id);
  const mode = useRoom((room) => room.chat_mode);
  const declined = useView((view) => view.declined);
  const outbox = useView((view) => view.outbox);
  const [drawn, setDrawn] = useState(DRAWN);
  const mine = held.filter((message) => message.author_id === me);
  const shown = messages.slice(-drawn);
  const changes = useView((view) => view.modeChanges);
  const count = messages.length + mine.length + outbox.length + declined.length;
  const scroll = useStickToEnd(count, changes.length);
  const nothing = count + changes.length === 0;
  return (
    <div className="log">
      <div
        className="scroll"
        ref={scroll.ref}
        onScroll={scroll.onScroll}
        tabIndex={0}
        role="region"
        aria-label={say("chat.log")}
      >
        {nothing && (
          <div className="empty">
            <p className="strong">{say("chat.empty")}</p>
            <p>{say(`chat.empty.${mode}`)}</p>
          </div>
        )}
        {messages.length > drawn && (
          <button type="button" className="btn quiet tight earlier" onClick={() => setDrawn(drawn + DRAWN)}>
            {say("chat.earlier")}
          </button>
        )}
        <ol className="msgs" data-testid="chat-log">
          <ModeChanges after={null} />
          {shown.map((message) => (
            <Fragment key={message.message_id}>
              <Said message={message} mine={message.author_id === me} />
              <ModeChanges after={message.message_id} />
            </Fragment>
          ))}
          {declined.map((message) => (
            <Declined key={message.message_id} message={message} />
          ))}
          {mine.map((message) => (
            <Held key={message.message_id} message={message} />
          ))}
          {outbox.map((one) => (
            <OnItsWay key={one.key} one={one} />
          ))}
        </ol>
      </div>
      {scroll.missed > 0 && (
        <button type="button" className="btn secondary tight newer" onClick={scroll.toEnd}>
          <Icon name="chevron" />
          {say.count("chat.new", scroll.missed)}
        </button>
      )}
    </div>
  );
}

/** From where on somebody else reads what one writes. */
function ModeChanges({ after }: { readonly after: string | null }) {
  const say = useSay();
  const changes = useView((view) => view.modeChanges);
  return changes.map((change, at) =>
    change.after !== after ? null : (
      <li key={at} className="system small soft" data-testid="mode-change">
        {say(`chat.mode.changed.${change.mode}`)}
      </li>
    ),
  );
}

function Said({ message, mine }: { readonly message: Message; readonly mine: boolean }) {
  const say = useSay();
  return (
    <li className="msg" data-testid="message">
      <span className={message.by_team ? "avatar team" : "avatar"} aria-hidden="true">
        {initials(message.author_name)}
      </span>
      <div className="who">
        <b className="cut">{message.author_name}</b>
        {mine && <span>{say("role.you")}</span>}
        {message.by_team && !mine && <TeamWord />}
        <time dateTime={message.sent_at}>{timeOfDay(Date.parse(message.sent_at), say.language)}</time>
      </div>
      <p dir="auto">{message.text}</p>
    </li>
  );
}

function TeamWord() {
  const say = useSay();
  return <span className="team-word">{say("people.team").toLocaleLowerCase(say.language)}</span>;
}

function Held({ message }: { readonly message: Message }) {
  const say = useSay();
  return (
    <li className="held" data-testid="held-message">
      <span className="state">
        <Glyph name="wait" />
        {say(message.mode === "reply_later" ? "chat.held.later" : "chat.held")}
      </span>
      <p dir="auto">{message.text}</p>
    </li>
  );
}

function Declined({ message }: { readonly message: Message }) {
  const say = useSay();
  const desk = useDesk();
  return (
    <li className="held" data-testid="declined-message">
      <span className="state">
        <Glyph name="cancel" />
        {say("chat.declined")}
      </span>
      <p dir="auto">{message.text}</p>
      <div className="acts">
        <button
          type="button"
          className="btn quiet tight"
          onClick={() => desk.forgetDeclined(message.message_id)}
        >
          {say("chat.forget")}
        </button>
      </div>
    </li>
  );
}

function OnItsWay({ one }: { readonly one: Outgoing }) {
  const say = useSay();
  const desk = useDesk();
  const inside = useView((view) => view.phase.kind === "inside");
  const waiting = say(inside ? "chat.waiting.soon" : "chat.waiting");
  const words = { sending: say("chat.sending"), waiting, refused: one.why }[one.state];
  return (
    <li className={`held ${one.state}`} data-testid="outgoing-message">
      <span className={one.state === "refused" ? "state is-warn" : "state"}>
        <Glyph name={one.state === "refused" ? "cancel" : "wait"} />
        <span>{words}</span>
      </span>
      <p dir="auto">{one.text}</p>
      {one.state !== "sending" && (
        <div className="acts">
          <button type="button" className="btn quiet tight" onClick={() => void desk.retry(one.key)}>
            {say("chat.retry")}
          </button>
          <button type="button" className="btn quiet tight" onClick={() => desk.discard(one.key)}>
            {say("chat.discard")}
          </button>
        </div>
      )}
    </li>
  );
}

const NEAR_PX = 60;

/** Stays at the end while the reader is there, also for `lines` that are no messages; counts what arrives while they read further up. */
function useStickToEnd(length: number, lines: number) {
  const ref = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const before = useRef(length);
  const [missed, setMissed] = useState(0);

  const toEnd = () => {
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
    atEnd.current = true;
    setMissed(0);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: another line moves the end too
  useLayoutEffect(() => {
    const added = length - before.current;
    before.current = length;
    if (atEnd.current) ref.current?.scrollTo?.({ top: ref.current.scrollHeight });
    else if (added > 0) setMissed((now) => now + added);
  }, [length, lines]);

  useEffect(() => {
    const element = ref.current;
    if (element === null || typeof ResizeObserver === "undefined") return;
    const watcher = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTo({ top: element.scrollHeight });
    });
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  const onScroll = () => {
    const element = ref.current;
    if (element === null) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    if (atEnd.current) setMissed(0);
  };

  return { ref, missed, toEnd, onScroll };
}
