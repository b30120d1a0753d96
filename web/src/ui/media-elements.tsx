/**
 * The elements that play. Starting with sound may be refused; then everything starts muted at once and the page
 * shows one large button.
 */
import { type RefObject, useEffect, useRef } from "react";
import { errorName } from "../connection/devices";
import { useDesk, useView } from "./context";

/** A page in the background keeps its picture this long, so that a glance elsewhere costs nothing. */
const HIDDEN_MS = 10_000;

export type Audible = "audible" | "silent";

/** Plays a stream in an element, with the room's sound or without. */
export function usePlaying(
  ref: RefObject<HTMLMediaElement | null>,
  stream: MediaStream | null,
  audible: Audible,
): void {
  const desk = useDesk();
  const sound = useView((view) => view.sound);
  const muted = audible === "silent" || sound.muted || sound.blocked;

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    if (element.srcObject !== stream) element.srcObject = stream;
    element.volume = sound.volume;
    element.muted = muted;
    if (stream === null) return;
    element.play().catch((error: unknown) => {
      if (muted || errorName(error) !== "NotAllowedError") return;
      element.muted = true;
      desk.setSound({ blocked: true });
    });
  }, [ref, stream, muted, sound.volume, desk]);
}

/** Tells the server how high a slot is shown, in device pixels; nothing is sent for what nobody sees. */
export function useShown(ref: RefObject<HTMLElement | null>, slot: number | null): void {
  const desk = useDesk();
  useEffect(() => {
    const element = ref.current;
    if (element === null || slot === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      const height = Math.ceil(element.clientHeight * window.devicePixelRatio);
      desk.show(slot, Math.min(height, 4320));
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(tell, 200);
    };
    const hidden = () => {
      clearTimeout(timer);
      if (document.hidden && document.pictureInPictureElement === null) {
        timer = setTimeout(() => desk.show(slot, 0), HIDDEN_MS);
      } else tell();
    };
    const watcher = new ResizeObserver(soon);
    watcher.observe(element);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      watcher.disconnect();
      document.removeEventListener("visibilitychange", hidden);
      clearTimeout(timer);
      desk.show(slot, 0);
    };
  }, [ref, slot, desk]);
}

/** The sound of the stage; the programme's own plays with its picture. */
export function StageSound() {
  const voices = useView((view) => view.streams.voices);
  return (
    <div hidden>
      {voices.map((stream, slot) => (stream === null ? null : <Voice key={slot} stream={stream} />))}
    </div>
  );
}

function Voice({ stream }: { readonly stream: MediaStream }) {
  const ref = useRef<HTMLAudioElement>(null);
  usePlaying(ref, stream, "audible");
  return <audio ref={ref} />;
}
