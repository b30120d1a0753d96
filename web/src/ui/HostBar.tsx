/** The host's bar: what comes next and the few things that change it. */
import { useState } from "react";
import { clock, timeOfDay } from "../i18n/language";
import type { Words } from "../i18n/words";
import { positionS } from "../room/programme";
import { type Next, next, presentItem } from "../room/thread";
import { useDesk, useRoom, useSay, useTimed } from "./context";
import { Confirm } from "./Dialog";
import { Icon, type IconName } from "./icons";
import { Menu, type MenuItem } from "./Menu";
import { useProgrammeView } from "./Programme";
import { Thread } from "./Thread";

const EXTEND_S = 30;

interface ActMenuProps {
  readonly label: string;
  readonly word: string;
  readonly icon: IconName;
  readonly shortcut: string;
  readonly items: readonly MenuItem[];
}

export function HostBar() {
  const say = useSay();
  const [folded, setFolded] = useState(false);
  const taken = useProgrammeView().kind === "taken_over";
  const automated = useRoom((room) => room.session.room_type === "automated");
  const over = useRoom((room) => room.session.state !== "scheduled" && room.session.state !== "on_air");
  if (over) return null;
  const fold = say(folded ? "host.unfold" : "host.fold");
  return (
    <section
      className={`hostbar${taken ? " taken" : ""}${folded ? " folded" : ""}`}
      aria-label={say("room.region.host")}
      data-testid="host-bar"
    >
      <div className="plan">
        <div className="line">{automated ? <Coming /> : <LiveLine />}</div>
        <Thread />
      </div>
      {/* Folded they are out of sight and reach, and their shortcuts still press them. */}
      <div className="acts">{automated ? <TimelineActs /> : <LiveActs />}</div>
      <button
        type="button"
        className="btn quiet icon tight fold"
        aria-expanded={!folded}
        aria-label={fold}
        title={fold}
        onClick={() => setFolded(!folded)}
      >
        <Icon name={folded ? "chevron" : "up"} />
      </button>
    </section>
  );
}

function Coming() {
  const say = useSay();
  const view = useProgrammeView();
  const me = useRoom((room) => room.me.name);
  const startsAt = useRoom((room) => room.session.starts_at);
  const position = useTimed((room, nowMs) => clock(positionS(room, nowMs) ?? 0));
  const lines = useTimed((room, nowMs) =>
    JSON.stringify(
      next(room, nowMs)
        .slice(0, 2)
        .map((one) => ({ ...one, inS: Math.ceil(one.inS) })),
    ),
  );
  if (view.kind === "waiting") {
    return (
      <span className="soft cut">
        {say("host.waiting", { time: timeOfDay(Date.parse(startsAt), say.language) })}
      </span>
    );
  }
  if (view.kind === "taken_over" || view.kind === "paused") {
    const by = view.kind === "taken_over" ? view.by : "";
    return (
      <span className="cut">
        <b className="strong">
          {by === me ? say("host.takenOver.you") : say("host.takenOver.other", { name: by })}
        </b>{" "}
        <span className="soft num">{say("host.takenOver.more", { time: position })}</span>
      </span>
    );
  }
  const [first, second] = JSON.parse(lines) as readonly Next[];
  if (first === undefined) return null;
  return (
    <>
      <span className="coming">
        <span className="cut">
          <span className="soft">{say("host.next")}</span> <b className="strong">{nextWords(first, say)}</b>{" "}
          <span className="soft">{say("host.in")}</span>
        </span>{" "}
        <b className="num strong" data-testid="next-in">
          {clock(first.inS)}
        </b>
      </span>
      {second !== undefined && (
        <span className="soft opt cut">{say("host.then", { what: nextWords(second, say) })}</span>
      )}
    </>
  );
}

function nextWords(one: Next, say: Words): string {
  return one.what === "item" ? one.title : say(`host.next.${one.what}`);
}

function TimelineActs() {
  const onAir = useRoom((room) => room.session.state === "on_air");
  return (
    <>
      {onAir && <TakeOver />}
      {onAir && <ExtendBuffer />}
      {onAir && <SkipTo />}
      {onAir && <LaunchCta />}
      {onAir && <End />}
    </>
  );
}

function TakeOver() {
  const say = useSay();
  const desk = useDesk();
  const view = useProgrammeView();
  const position = useTimed((room, nowMs) => clock(positionS(room, nowMs) ?? 0));
  if (view.kind !== "taken_over" && view.kind !== "paused") {
    return (
      <button type="button" className="btn primary" data-shortcut="t" onClick={() => void desk.takeOver()}>
        {say("host.takeOver")} <kbd aria-hidden="true">T</kbd>
      </button>
    );
  }
  const ways: readonly MenuItem[] = [
    {
      key: "left",
      label: say("host.handBack.leftOff", { time: position }),
      onSelect: () => void desk.handBack("left_off"),
    },
    {
      key: "scheduled",
      label: say("host.handBack.scheduled"),
      onSelect: () => void desk.handBack("scheduled"),
    },
  ];
  return (
    <Menu
      label={say("host.handBack")}
      className="btn primary"
      shortcut="t"
      items={ways}
      button={
        <>
          {say("host.handBack")} <Icon name="chevron" /> <kbd aria-hidden="true">T</kbd>
        </>
      }
    />
  );
}

function ExtendBuffer() {
  const say = useSay();
  const desk = useDesk();
  const present = useRoom((room) => presentItem(room) !== null);
  return (
    <button
      type="button"
      className="btn secondary"
      data-shortcut="b"
      disabled={!present}
      aria-label={say("host.extend.label")}
      title={say("host.extend.label")}
      onClick={() => void desk.extendBuffer(EXTEND_S)}
    >
      <Icon name="plus" />
      <span>
        {say("host.extend")} <span className="opt">{say("host.extend.of")}</span>
      </span>{" "}
      <kbd aria-hidden="true">B</kbd>
    </button>
  );
}

function SkipTo() {
  const say = useSay();
  const desk = useDesk();
  const timeline = useRoom((room) => room.timeline);
  if (timeline === null || timeline.items.length === 0) return null;
  const items = timeline.items.map((item) => ({
    key: item.item_id,
    label: item.title,
    hint: clock(item.offset_s),
    onSelect: () => void desk.skipTo(item.item_id),
  }));
  return <ActMenu label={say("host.skip")} word={say("host.skip")} icon="skip" shortcut="k" items={items} />;
}

function LaunchCta() {
  const say = useSay();
  const desk = useDesk();
  const timeline = useRoom((room) => room.timeline);
  const shown = useRoom((room) => room.ctas);
  if (timeline === null || timeline.ctas.length === 0) return null;
  const items = timeline.ctas.flatMap((cta): MenuItem[] => {
    const { cta_id: id, title: label } = cta;
    const launch = { key: id, label, onSelect: () => void desk.launchCta(id) };
    if (!shown.some((one) => one.cta_id === id)) return [launch];
    const withdraw = say("host.cta.withdraw.title", { title: label });
    return [
      { ...launch, hint: say("host.cta.shown") },
      { key: `withdraw ${id}`, label: withdraw, onSelect: () => void desk.withdrawCta(id) },
    ];
  });
  return (
    <ActMenu label={say("host.cta.label")} word={say("host.cta")} icon="tag" shortcut="l" items={items} />
  );
}

/** A menu among the acts: an icon, and a word where there is room for it. */
function ActMenu({ label, word, icon, shortcut, items }: ActMenuProps) {
  const button = (
    <>
      <Icon name={icon} />
      <span className="opt">{word}</span>
    </>
  );
  return <Menu label={label} className="btn secondary" shortcut={shortcut} items={items} button={button} />;
}

function LiveLine() {
  const say = useSay();
  const onAir = useRoom((room) => room.session.state === "on_air");
  return (
    <span className="cut">
      {onAir ? (
        <b className="strong">{say("host.onAir")}</b>
      ) : (
        <span className="soft">{say("host.start.hint")}</span>
      )}
    </span>
  );
}

function LiveActs() {
  const onAir = useRoom((room) => room.session.state === "on_air");
  return onAir ? <End /> : <Start />;
}

function Start() {
  const say = useSay();
  const desk = useDesk();
  const count = useRoom((room) => room.count);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button type="button" className="btn primary" data-shortcut="g" onClick={() => setAsking(true)}>
        {say("host.start")} <kbd aria-hidden="true">G</kbd>
      </button>
      {asking && (
        <Confirm
          look="primary"
          title={say("host.start.title")}
          consequence={count > 1 ? say.count("host.start.text", count - 1) : say("host.start.alone")}
          does={say("host.start.do")}
          onDo={() => void desk.startSession()}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function End() {
  const say = useSay();
  const desk = useDesk();
  const count = useRoom((room) => room.count);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button type="button" className="btn danger" data-shortcut="e" onClick={() => setAsking(true)}>
        {say("host.end")}
      </button>
      {asking && (
        <Confirm
          look="danger"
          title={say("host.end.title")}
          consequence={say.count("host.end.text", count)}
          does={say("host.end.do")}
          onDo={() => void desk.endSession()}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
