/** The hero: the film, the stage when a host speaks, and what is true when neither can be shown. */
import { useEffect, useRef, useState } from "react";
import { clock, timeOfDay } from "../i18n/language";
import type { Key } from "../i18n/words";
import {
  endsNext,
  isInvited,
  isOnStage,
  leftS,
  type ProgrammeView,
  performers,
  positionS,
  programmeView,
  stageIsHero,
  startsInS,
} from "../room/programme";
import { useDesk, useHeld, useRoom, useSay, useTimed, useView } from "./context";
import { Glyph, Icon } from "./icons";
import { usePlaying, useShown } from "./media-elements";
import { SelfView, StageGrid } from "./StageTiles";
import { pictureState } from "./state-words";
import { Thread } from "./Thread";

/** The view, drawn again only when what it says changes; seconds are read where they are shown. */
export function useProgrammeView(): ProgrammeView {
  const text = useTimed((room, nowMs) =>
    JSON.stringify({ ...programmeView(room, nowMs), startsInS: 0, leftS: 0 }),
  );
  return JSON.parse(text) as ProgrammeView;
}

/** Hosts have the thread in their bar; everyone else has it under the picture. */
export function Programme({ thread }: { readonly thread: "below" | "in the host bar" }) {
  const view = useProgrammeView();
  const hero = useRef<HTMLDivElement>(null);
  const played = useRoom((room) => room.playback !== null);
  const [moving, setMoving] = useState(false);
  const onStage = stageIsHero(view);
  const tiles = useRoom((room) => performers(room).length > 0 || isOnStage(room));
  return (
    <div className="hero">
      <div className="programme" data-theme="dark" data-view={view.kind} data-testid="programme" ref={hero}>
        {onStage && tiles && <StageGrid />}
        {played && <Film place={onStage ? "aside" : "hero"} onMoving={setMoving} />}
        <Overlay view={view} moving={moving} empty={!tiles} />
        {!onStage && <SelfView />}
        <Tag view={view} />
        <TurnSoundOn />
      </div>
      {thread === "below" && (
        <>
          <Thread />
          <Legend />
        </>
      )}
    </div>
  );
}

function Film({
  place,
  onMoving,
}: {
  readonly place: "hero" | "aside";
  readonly onMoving: (is: boolean) => void;
}) {
  const say = useSay();
  const ref = useRef<HTMLVideoElement>(null);
  const stream = useView((view) => view.streams.programme);
  usePlaying(ref, stream, "audible");
  useShown(ref, 0);
  useEffect(() => {
    if (stream === null) onMoving(false);
  }, [stream, onMoving]);
  return (
    <div className={`film ${place}`}>
      <video
        ref={ref}
        playsInline
        disableRemotePlayback
        aria-label={say("programme.video")}
        data-testid="film"
        onPlaying={() => onMoving(true)}
        onLoadedData={() => onMoving(true)}
        onEmptied={() => onMoving(false)}
      />
      {place === "aside" && (
        <span className="state tag">
          <Glyph name="pause" />
          {say("air.paused")}
        </span>
      )}
    </div>
  );
}

function Tag({ view }: { readonly view: ProgrammeView }) {
  const say = useSay();
  const state = pictureState(view);
  if (state === null) return null;
  return (
    <span className={`state tag tr ${state.look}`} data-testid="picture-state">
      <Glyph name={state.glyph} />
      {say(state.word)}
    </span>
  );
}

interface OverlayProps {
  readonly view: ProgrammeView;
  readonly moving: boolean;
  readonly empty: boolean;
}

function Overlay({ view, moving, empty }: OverlayProps) {
  const say = useSay();
  const theirs = useRoom((room) => room.me.may_publish && !isInvited(room));
  const isMe = useRoom((room) => view.kind === "taken_over" && view.by === room.me.name);
  switch (view.kind) {
    case "waiting":
      return <Waiting />;
    case "playing":
      return moving ? null : <NoPicture />;
    case "buffer":
    case "gap":
      return <Buffer />;
    case "paused":
      return <Card title={say("programme.paused")} more={say("programme.paused.more")} />;
    case "taken_over": {
      if (!empty) return null;
      const title = isMe ? say("programme.takenOver.you") : say("programme.takenOver", { name: view.by });
      return (
        <Card title={title} more={say(isMe ? "programme.takenOver.youMore" : "programme.takenOver.more")} />
      );
    }
    case "stage": {
      if (!empty) return null;
      const keys: readonly [Key, Key] = theirs
        ? ["programme.stage.emptyHost", "programme.stage.emptyHostMore"]
        : ["programme.stage.empty", "programme.stage.emptyMore"];
      return <Card title={say(keys[0])} more={say(keys[1])} />;
    }
    case "ended":
      return <Card title={say("programme.ended")} more={say("programme.ended.more")} />;
    case "missed":
      return <Card title={say("programme.missed")} more={say("programme.missed.more")} />;
    case "cancelled":
      return <Card title={say("programme.cancelled")} more="" />;
  }
}

function Card({ title, more }: { readonly title: string; readonly more: string }) {
  return (
    <div className="overlay">
      <p className="overlay-title">{title}</p>
      {more !== "" && <p className="overlay-more">{more}</p>}
    </div>
  );
}

const DAY_S = 86_400;

function Waiting() {
  const say = useSay();
  const session = useRoom((room) => room.session);
  const mayHost = useRoom((room) => room.me.may_host);
  const leftText = useTimed((room, nowMs) => {
    const seconds = startsInS(room, nowMs);
    return seconds > 0 && seconds < DAY_S ? clock(Math.ceil(seconds)) : "";
  });
  const time = timeOfDay(Date.parse(session.starts_at), say.language);
  const live = session.room_type === "live";
  if (leftText === "") {
    const title = say(
      live ? (mayHost ? "programme.waiting.you" : "programme.waiting.live") : "programme.waiting.soon",
    );
    return <Card title={title} more={say("programme.waiting.late", { time })} />;
  }
  return (
    <div className="overlay">
      <p className="overlay-more">{say("programme.waiting")}</p>
      <p className="overlay-clock num" role="timer">
        {leftText}
      </p>
      <span className="overlay-thread wait" aria-hidden="true" />
      <p className="overlay-more">
        {mayHost && live ? say("programme.waiting.host") : say("programme.waiting.at", { time })}
      </p>
    </div>
  );
}

function Buffer() {
  const say = useSay();
  const text = useTimed((room, nowMs) => {
    const seconds = leftS(room, nowMs);
    return seconds === null || seconds <= 0 ? "" : clock(Math.ceil(seconds));
  });
  const last = useTimed(endsNext);
  if (text === "")
    return <Card title={say(last ? "programme.buffer.lastSoon" : "programme.buffer.soon")} more="" />;
  return (
    <div className="overlay">
      <p className="overlay-more">{say(last ? "programme.buffer.last" : "programme.buffer")}</p>
      <p className="overlay-clock num" role="timer">
        {text}
      </p>
      <span className="overlay-thread buffer" aria-hidden="true" />
    </div>
  );
}

/** Nothing for 300 ms, then a skeleton; words after 3 s. */
function NoPicture() {
  const say = useSay();
  const failed = useView((view) => view.transport === "failed");
  const waited = useHeld(true, 300);
  const long = useHeld(true, 3_000);
  const veryLong = useHeld(failed, 8_000);
  if (!waited) return null;
  if (veryLong)
    return <Card title={say("programme.noPicture.failed")} more={say("programme.noPicture.failedMore")} />;
  return (
    <div className="overlay">
      <span className="reels" aria-hidden="true">
        <Glyph name="rec" />
      </span>
      {long && (
        <>
          <p className="overlay-title">{say("programme.noPicture")}</p>
          <p className="overlay-more">{say("programme.noPicture.more")}</p>
        </>
      )}
    </div>
  );
}

function TurnSoundOn() {
  const say = useSay();
  const desk = useDesk();
  const blocked = useView((view) => view.sound.blocked);
  if (!blocked) return null;
  return (
    <div className="sound-on">
      <button
        type="button"
        className="btn primary big"
        onClick={() => desk.setSound({ blocked: false, muted: false })}
        data-testid="turn-sound-on"
      >
        <Icon name="sound" large="large" />
        {say("sound.turnOn")}
      </button>
    </div>
  );
}

function Legend() {
  const say = useSay();
  const text = useTimed((room, nowMs) => {
    const { playback } = room;
    const position = positionS(room, nowMs);
    if (playback === null || position === null || room.session.state !== "on_air") return "";
    return say("thread.position", { elapsed: clock(position), length: clock(playback.length_s) });
  });
  return (
    <p className="legend num" aria-hidden="true">
      {text === "" ? "\u00a0" : text}
    </p>
  );
}
