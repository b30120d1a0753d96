/** The stage: one tile a person, oneself included. */
import { useRef } from "react";
import { initials } from "../room/people";
import { isOnStage, performers } from "../room/programme";
import type { StagePerson } from "../wire";
import { useRoom, useSay, useTimed, useView } from "./context";
import { Icon } from "./icons";
import { usePlaying, useShown } from "./media-elements";

export function StageGrid() {
  const say = useSay();
  const me = useRoom((room) => room.me.person_id);
  const stage = useRoom((room) => room.stage);
  const key = useTimed((room) =>
    performers(room)
      .map((one) => one.person_id)
      .join(" "),
  );
  const seen = new Set(key.split(" "));
  const shown = stage.on_stage.filter((one) => seen.has(one.person_id) || one.person_id === me);
  return (
    <ul className="stage" data-tiles={Math.min(shown.length, 9)} aria-label={say("room.region.stage")}>
      {shown.map((one) =>
        one.person_id === me ? (
          <OwnTile key={one.person_id} one={one} />
        ) : (
          <Tile key={one.person_id} one={one} />
        ),
      )}
    </ul>
  );
}

function Tile({ one }: { readonly one: StagePerson }) {
  const face = useView((view) =>
    one.video_slot === null ? null : (view.streams.faces[one.video_slot] ?? null),
  );
  const ref = useRef<HTMLVideoElement>(null);
  usePlaying(ref, face, "silent");
  useShown(ref, one.video_slot);
  return (
    <li className="tile" data-testid="stage-tile">
      <video ref={ref} playsInline muted hidden={face === null} aria-label={one.name} />
      {face === null && <NoFace name={one.name} />}
      <TileName name={one.name} muted={one.muted} />
    </li>
  );
}

function OwnTile({ one }: { readonly one: StagePerson }) {
  const say = useSay();
  return (
    <li className="tile" data-testid="own-tile">
      <OwnPicture name={one.name} />
      <TileName name={say("stage.you")} muted={one.muted} />
    </li>
  );
}

function OwnPicture({ name }: { readonly name: string }) {
  const picture = useView((view) => view.own.picture);
  const mirrored = useView((view) => view.own.screen !== "on");
  const ref = useRef<HTMLVideoElement>(null);
  usePlaying(ref, picture, "silent");
  return (
    <>
      <video
        ref={ref}
        className={mirrored ? "mirrored" : ""}
        playsInline
        muted
        hidden={picture === null}
        aria-label={name}
      />
      {picture === null && <NoFace name={name} />}
    </>
  );
}

function NoFace({ name }: { readonly name: string }) {
  return (
    <span className="noface" aria-hidden="true">
      <span className="avatar large">{initials(name)}</span>
    </span>
  );
}

function TileName({ name, muted }: { readonly name: string; readonly muted: boolean }) {
  const say = useSay();
  return (
    <span className="state tag tile-name">
      <span className="cut">{name}</span>
      {muted && (
        <span className="row">
          <Icon name="micOff" />
          {say("stage.muted")}
        </span>
      )}
    </span>
  );
}

/** Oneself, while on a stage that is not open: a mirror and what has to happen to be seen. */
export function SelfView() {
  const say = useSay();
  const here = useRoom(isOnStage);
  const me = useRoom((room) => room.me);
  const started = useRoom((room) => room.session.state === "on_air");
  const over = useRoom((room) => room.session.state === "ended");
  if (!here || over) return null;
  const words = !started ? "stage.closedBefore" : me.may_host ? "stage.closedHost" : "stage.closed";
  return (
    <div className="selfview">
      <div className="tile">
        <OwnPicture name={me.name} />
      </div>
      <p className="small">{say(words)}</p>
    </div>
  );
}
