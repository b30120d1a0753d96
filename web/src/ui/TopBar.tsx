/** Title, state and the real number of people. */
import { clock } from "../i18n/language";
import { onAirForS, programmeView, startsInS } from "../room/programme";
import { useRoom, useSay, useTimed } from "./context";
import { Glyph } from "./icons";
import { sessionState } from "./state-words";

const HOUR_S = 3600;

export function TopBar() {
  const say = useSay();
  const session = useRoom((room) => room.session);
  const count = useRoom((room) => room.count);
  return (
    <header className="rtop">
      <div className="titles">
        <h1 className="cut" tabIndex={-1} id="room-title" title={session.title ?? session.event_title}>
          {session.title ?? session.event_title}
        </h1>
        {session.title !== null && <p className="cut small faint event-title">{session.event_title}</p>}
      </div>
      <div className="facts">
        <AirState />
        <span className="soft nowrap" data-testid="count">
          {say.count("people.count", count)}
        </span>
      </div>
    </header>
  );
}

function AirState() {
  const say = useSay();
  const kind = useTimed((room, nowMs) => programmeView(room, nowMs).kind);
  const time = useTimed((room, nowMs) =>
    airTime(room.session.state, onAirForS(room, nowMs), startsInS(room, nowMs)),
  );
  const { glyph, word, look } = sessionState({ kind } as Parameters<typeof sessionState>[0]);
  const starting = kind === "waiting" && time !== "";
  return (
    <span className={`state ${look}`} data-testid="air-state">
      <Glyph name={glyph} />
      {starting ? say("air.startsIn", { time }) : say(word)}
      {!starting && time !== "" && <span className="num">{time}</span>}
    </span>
  );
}

function airTime(state: string, onAirS: number | null, startsS: number): string {
  if (state === "on_air" && onAirS !== null) return clock(onAirS);
  return state === "scheduled" && startsS > 0 && startsS < HOUR_S ? clock(Math.ceil(startsS)) : "";
}
