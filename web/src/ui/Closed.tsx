/** Pages that stay closed: moved, removed, cancelled, over, left. Each says why, and what can be done. */
import { useEffect, useRef } from "react";
import { timeOfDay } from "../i18n/language";
import type { Key } from "../i18n/words";
import type { Phase } from "../room/view";
import { eventColour } from "./colour";
import { useDesk, useSay, useView } from "./context";
import { Glyph, type GlyphName, Icon } from "./icons";

export function Closed({ phase }: { readonly phase: Phase }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const title = useView((view) => view.room?.session.title ?? view.room?.session.event_title ?? "");
  const accent = useView((view) => view.room?.session.accent ?? "");
  useEffect(() => heading.current?.focus(), []);
  return (
    <main
      className="closed of-event"
      style={eventColour(accent)}
      data-testid="closed"
      data-reason={phase.kind === "closed" ? phase.reason : phase.kind}
    >
      <div className="col">
        {title !== "" && <p className="soft">{title}</p>}
        <Words phase={phase} heading={heading} />
      </div>
    </main>
  );
}

interface WordsProps {
  readonly phase: Phase;
  readonly heading: React.RefObject<HTMLHeadingElement | null>;
}

function Words({ phase, heading }: WordsProps) {
  const say = useSay();
  const desk = useDesk();
  const hasLog = useView((view) => view.room?.me.may_host === true && view.room.chat_mode !== "none");
  switch (phase.kind) {
    case "moved":
      return <Moved device={phase.device} at={phase.at} heading={heading} />;
    case "left":
      return (
        <>
          <h1 ref={heading} tabIndex={-1}>
            {say("left.title")}
          </h1>
          <p className="soft">{say("left.text")}</p>
          <div className="go">
            <button type="button" className="btn primary big" onClick={() => void desk.enterAgain()}>
              {say("left.do")}
            </button>
          </div>
        </>
      );
    case "closed":
      return (
        <>
          <span className="state is-quiet">
            <Glyph name={GLYPHS[phase.reason] ?? "cancel"} />
            {say(STATES[phase.reason] ?? "closed.state")}
          </span>
          <h1 ref={heading} tabIndex={-1}>
            {say(`closed.${phase.reason}.title`)}
          </h1>
          <p className="soft">{say(`closed.${phase.reason}.text`)}</p>
          {hasLog && LOGGED.has(phase.reason) && (
            <div className="go">
              <a className="btn primary big" href={window.location.pathname}>
                {say("closed.log")}
              </a>
            </div>
          )}
        </>
      );
    default:
      return null;
  }
}

const STATES: Readonly<Record<string, Key>> = {
  session_over: "air.ended",
  session_cancelled: "air.cancelled",
  session_missed: "air.missed",
};

/** The page of a host's link shows the chat log once the session is over. */
const LOGGED: ReadonlySet<string> = new Set(["session_over", "session_cancelled"]);

const GLYPHS: Readonly<Record<string, GlyphName>> = { session_over: "end", link_frozen: "pause" };

interface MovedProps {
  readonly device: string;
  readonly at: string;
  readonly heading: React.RefObject<HTMLHeadingElement | null>;
}

function Moved({ device, at, heading }: MovedProps) {
  const say = useSay();
  const desk = useDesk();
  const time = timeOfDay(Date.parse(at), say.language);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {say("moved.title")}
      </h1>
      <p className="soft">{say("moved.text")}</p>
      <div className="swap">
        <div className="box">
          <Icon name="laptop" large="large" />
          <strong data-testid="moved-to">{device}</strong>
          {!Number.isNaN(Date.parse(at)) && (
            <span className="soft small">{say("moved.since", { time })}</span>
          )}
        </div>
        <Icon name="arrow" />
        <div className="box here">
          <Icon name="laptop" large="large" />
          <strong>{say("moved.here")}</strong>
          <span className="soft small">{say("moved.closed")}</span>
        </div>
      </div>
      <div className="go">
        <button type="button" className="btn primary big" onClick={() => void desk.enterAgain()}>
          {say("moved.do")}
        </button>
        <p className="small soft">{say("moved.consequence")}</p>
      </div>
    </>
  );
}
