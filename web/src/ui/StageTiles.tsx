/** The stage: one tile a person, oneself included. */
import { useRef, useState } from "react";
import { shows } from "../connection/codecs";
import { initials } from "../room/people";
import { isOnStage, performers, stageDoor } from "../room/programme";
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
  const screen = shown.find((one) => one.shows === "screen" && one.video_slot !== null);
  const presenting = screen !== undefined && shown.length > 1;
  return (
    <ul
      className={presenting ? "stage presenting" : "stage"}
      data-tiles={Math.min(shown.length, 9)}
      aria-label={say("room.region.stage")}
    >
      {shown.map((one) =>
        one.person_id === me ? (
          <OwnTile key={one.person_id} one={one} place={one === screen ? "large" : "in line"} />
        ) : (
          <Tile key={one.person_id} one={one} place={one === screen ? "large" : "in line"} />
        ),
      )}
    </ul>
  );
}

interface TileProps {
  readonly one: StagePerson;
  /** A shared screen takes the place of everyone, with the others beside it. */
  readonly place: "large" | "in line";
}

/** A camera's picture may lose its edges to fill a tile; a screen, or a picture of another shape, may not. */
function useFit(one: StagePerson) {
  const [wide, setWide] = useState(true);
  const measure = ({ currentTarget: video }: { readonly currentTarget: HTMLVideoElement }) => {
    const ratio = video.videoWidth / video.videoHeight;
    setWide(!(ratio < 1.5 || ratio > 2));
  };
  const className = one.shows === "camera" && wide ? "fills" : "";
  return { className, onLoadedMetadata: measure, onResize: measure };
}

const CODEC_NAMES = { vp8: "VP8", h264: "H.264", vp9: "VP9", av1: "AV1" } as const;

function Tile({ one, place }: TileProps) {
  const say = useSay();
  const face = useView((view) =>
    one.video_slot === null ? null : (view.streams.faces[one.video_slot] ?? null),
  );
  const ref = useRef<HTMLVideoElement>(null);
  usePlaying(ref, face, "silent");
  useShown(ref, one.video_slot);
  const fit = useFit(one);
  const unseen = one.needs != null && one.video_slot !== null && !shows(one.needs, navigator);
  return (
    <li
      className={`tile ${place}`}
      data-testid="stage-tile"
      data-shows={one.shows}
      data-speaking={one.speaking}
    >
      <video ref={ref} playsInline muted hidden={face === null || unseen} aria-label={one.name} {...fit} />
      {face === null && !unseen && <NoFace name={one.name} />}
      {unseen && <p className="unseen">{say("stage.unseen", { codec: CODEC_NAMES[one.needs ?? "vp8"] })}</p>}
      <TileName name={one.name} muted={one.muted} />
    </li>
  );
}

function OwnTile({ one, place }: TileProps) {
  const say = useSay();
  const { className, ...measured } = useFit(one);
  return (
    <li
      className={`tile ${place}`}
      data-testid="own-tile"
      data-shows={one.shows}
      data-speaking={one.speaking}
    >
      <OwnPicture name={one.name} fit={className} measured={measured} />
      <TileName name={say("stage.you")} muted={one.muted} />
    </li>
  );
}

interface OwnPictureProps {
  readonly name: string;
  readonly fit?: string;
  readonly measured?: Pick<ReturnType<typeof useFit>, "onLoadedMetadata" | "onResize">;
}

function OwnPicture({ name, fit = "", measured = undefined }: OwnPictureProps) {
  const picture = useView((view) => view.own.picture);
  const mirrored = useView((view) => view.own.screen !== "on");
  const ref = useRef<HTMLVideoElement>(null);
  usePlaying(ref, picture, "silent");
  return (
    <>
      <video
        ref={ref}
        className={`${mirrored ? "mirrored" : ""} ${fit}`}
        playsInline
        muted
        hidden={picture === null}
        aria-label={name}
        {...measured}
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
          <span className="word">{say("stage.muted")}</span>
        </span>
      )}
    </span>
  );
}

/** Oneself, while on a stage that is not open: a mirror and what has to happen to be seen. */
export function SelfView() {
  const say = useSay();
  const here = useRoom(isOnStage);
  const name = useRoom((room) => room.me.name);
  const over = useRoom((room) => room.session.state === "ended");
  const door = useTimed(stageDoor);
  const seen = useView((view) => view.own.picture !== null);
  const heard = useView((view) => view.own.microphone === "on");
  if (!here || over) return null;
  const ready = seen ? "stage.self.seen" : heard ? "stage.self.heard" : "stage.self.off";
  return (
    <div className="selfview" data-testid="self-view">
      <div className="tile">
        <OwnPicture name={name} />
      </div>
      <p className="small">
        {say(ready)} {door !== "open" && say(`stage.door.${door}`)}
      </p>
    </div>
  );
}
