/** What floats or interrupts: the connection's banner, a refusal, an invitation, and words for screen readers. */
import { useEffect, useRef, useState } from "react";
import type { Key } from "../i18n/words";
import { isInvited, isMuted, stageDoor } from "../room/programme";
import { useDesk, useHeld, useRoom, useSay, useTimed, useView } from "./context";
import { Icon } from "./icons";
import { useProgrammeView } from "./Programme";
import { sessionState } from "./state-words";

export function ConnectionBanner() {
  const say = useSay();
  const phase = useView((view) => view.phase);
  const cut = useHeld(
    useView((view) => view.transport === "failed"),
    3_000,
  );
  if (phase.kind === "returning") {
    const full = phase.reason === "full";
    return (
      <div className="banner" role="status" data-testid="connection-lost">
        <Icon name="warn" />
        <p>
          <strong>{say("lost.title")}</strong> <span>{say(full ? "lost.full" : "lost.text")}</span>
        </p>
      </div>
    );
  }
  if (!cut) return null;
  return (
    <div className="banner" role="status" data-testid="media-lost">
      <Icon name="warn" />
      <p>{say("media.failed")}</p>
    </div>
  );
}

export function Toast() {
  const say = useSay();
  const desk = useDesk();
  const toast = useView((view) => view.toast);
  if (toast === null) return null;
  return (
    <div className="toast floating" role="alert" data-testid="toast">
      <span>{toast.text}</span>
      {toast.undo !== null && (
        <button type="button" className="btn quiet tight" data-shortcut="z" onClick={() => desk.undoToast()}>
          {say("toast.undo")} <kbd aria-hidden="true">Z</kbd>
        </button>
      )}
      <button
        type="button"
        className="btn quiet icon tight"
        onClick={() => desk.dismissToast()}
        aria-label={say("toast.close")}
      >
        <Icon name="x" />
      </button>
    </div>
  );
}

export function DeviceTrouble() {
  const say = useSay();
  const trouble = useView((view) => view.own.trouble);
  if (trouble === null) return null;
  const key: Key = `device.${trouble.why}.${trouble.device}`;
  return (
    <div className="banner" role="alert">
      <Icon name="warn" />
      <p>{say(key)}</p>
    </div>
  );
}

export function Invitation() {
  const say = useSay();
  const desk = useDesk();
  const invited = useRoom((room) => room.me.role === "participant" && isInvited(room));
  const door = useTimed(stageDoor);
  const waits = door === "open" || door === "start" ? door : "host";
  if (!invited) return null;
  return (
    <section className="offer invitation" aria-label={say("stage.invitation")} data-testid="invitation">
      <div className="offer-words">
        <strong role="status">{say("stage.invitation")}</strong>
        <p>{say(`stage.invitation.${waits}`)}</p>
      </div>
      <button type="button" className="btn primary" onClick={() => void desk.enterStage()}>
        {say("stage.accept")}
      </button>
      <button type="button" className="btn quiet" onClick={() => void desk.declineInvitation()}>
        {say("stage.decline")}
      </button>
    </section>
  );
}

export function MutedNotice() {
  const say = useSay();
  const muted = useRoom(isMuted);
  if (!muted) return null;
  return (
    <p className="banner" role="status">
      <Icon name="micOff" />
      {say("stage.mutedYou")}
    </p>
  );
}

const QUIET_MS = 3_000;

/** Polite words for screen readers: at most one sentence every three seconds, however fast the chat is. */
export function Announcer() {
  const say = useSay();
  const view = useProgrammeView();
  const phase = useView(({ phase }) => phase.kind);
  const mode = useRoom((room) => room.chat_mode);
  const last = useRoom((room) => room.messages.at(-1));
  const total = useRoom((room) => room.messages.length);
  const me = useRoom((room) => room.me.person_id);
  const state = say(sessionState(view).word);
  const [chat, setChat] = useState("");
  const offers = useRoom((room) => room.ctas);
  const offer = offers.at(-1);
  const heard = useRef({ total, id: last?.message_id, atMs: 0, phase, mode, offer: offer?.cta_id });
  const [event, setEvent] = useState("");

  useEffect(() => {
    const before = heard.current;
    if (before.phase === "returning" && phase === "inside") setEvent(say("lost.back"));
    if (before.mode !== mode) setEvent(say(`chat.mode.changed.${mode}`));
    if (offer !== undefined && before.offer !== offer.cta_id) {
      setEvent(say("chat.said", { name: offer.title, text: offer.text }));
    }
    heard.current = { ...before, phase, mode, offer: offer?.cta_id };
  }, [phase, mode, offer, say]);

  useEffect(() => {
    if (last === undefined || last.message_id === heard.current.id || last.author_id === me) return;
    const wait = Math.max(0, heard.current.atMs + QUIET_MS - performance.now());
    const timer = setTimeout(() => {
      const added = total - heard.current.total;
      heard.current = { ...heard.current, total, id: last.message_id, atMs: performance.now() };
      const one = say("chat.said", { name: last.author_name, text: last.text });
      setChat(added > 1 ? say.count("chat.new", added) : one);
    }, wait);
    return () => clearTimeout(timer);
  }, [last, total, me, say]);

  return (
    <>
      <p className="sr" role="status" aria-live="polite">
        {state}
      </p>
      <p className="sr" aria-live="polite">
        {event}
      </p>
      <p className="sr" aria-live="polite">
        {chat}
      </p>
    </>
  );
}
