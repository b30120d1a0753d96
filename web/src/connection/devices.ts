/**
 * The reader's own camera, microphone and screen. Nothing is asked for before the press that needs it.
 *
 *     off ──press──► starting ──► on ──press, or the device is gone──► off
 *
 * Camera and screen share one place: who shares the screen is seen again when they stop. A camera that is off
 * is released, so its light goes out; a microphone that is off is kept silent, so that it is back at once and
 * no browser asks for it a second time.
 */
import type { DeviceTrouble, Own } from "../room/view";
import type { OwnTracks } from "./media";

export type OwnDevice = "microphone" | "camera" | "screen";

export interface Chosen {
  readonly microphone: string;
  readonly camera: string;
}

export interface OwnEvents {
  changed(own: Own): void;
  send(tracks: OwnTracks): Promise<void>;
}

export class OwnDevices {
  private readonly tracks = new Map<OwnDevice, MediaStreamTrack>();
  private readonly starting = new Set<OwnDevice>();
  private silenced: MediaStreamTrack | null = null;
  private trouble: Own["trouble"] = null;
  private readonly events: OwnEvents;
  private readonly media: MediaDevices | undefined;
  private readonly chosen: () => Chosen;

  constructor(events: OwnEvents, media: MediaDevices | undefined, chosen: () => Chosen) {
    this.events = events;
    this.media = media;
    this.chosen = chosen;
  }

  isOn(device: OwnDevice): boolean {
    return this.tracks.has(device);
  }

  anyOn(): boolean {
    return this.tracks.size > 0;
  }

  async switchOn(device: OwnDevice): Promise<void> {
    if (this.starting.has(device) || this.tracks.has(device)) return;
    this.starting.add(device);
    this.trouble = null;
    this.tell();
    try {
      this.hold(device, await this.capture(device));
    } catch (error) {
      const why = troubleOf(error);
      this.trouble = device === "screen" && why === "denied" ? null : { device, why };
    }
    this.starting.delete(device);
    await this.update();
  }

  /** Another microphone or camera was chosen: one that is on is replaced by it. */
  async choiceChanged(device: keyof Chosen): Promise<void> {
    if (device === "microphone") {
      this.silenced?.stop();
      this.silenced = null;
    }
    const before = this.tracks.get(device);
    if (before === undefined) return;
    this.trouble = null;
    try {
      const track = await this.captureBeside(device, before);
      if (this.tracks.get(device) !== before) return track.stop(); // it was switched off meanwhile
      before.stop();
      this.hold(device, track);
    } catch (error) {
      this.trouble = { device, why: troubleOf(error) };
      if (before.readyState === "ended" && this.tracks.get(device) === before) this.tracks.delete(device);
    }
    await this.update();
  }

  async switchOff(device: OwnDevice): Promise<void> {
    const track = this.tracks.get(device);
    if (track === undefined) return;
    this.tracks.delete(device);
    if (device === "microphone") this.silence(track);
    else track.stop();
    await this.update();
  }

  async allOff(): Promise<void> {
    for (const track of this.tracks.values()) track.stop();
    this.tracks.clear();
    this.silenced?.stop();
    this.silenced = null;
    this.trouble = null;
    await this.update();
  }

  private hold(device: OwnDevice, track: MediaStreamTrack): void {
    this.tracks.set(device, track);
    track.addEventListener("ended", () => void this.lost(device, track));
  }

  /** Opens a second device while the first goes on; a phone has to let go of the first one before. */
  private async captureBeside(device: OwnDevice, first: MediaStreamTrack): Promise<MediaStreamTrack> {
    try {
      return await this.capture(device);
    } catch (error) {
      if (troubleOf(error) !== "busy") throw error;
      first.stop();
      return this.capture(device);
    }
  }

  private silence(track: MediaStreamTrack): void {
    track.enabled = false;
    this.silenced = track;
  }

  private async lost(device: OwnDevice, track: MediaStreamTrack): Promise<void> {
    if (this.silenced === track) this.silenced = null;
    if (this.tracks.get(device) !== track) return;
    this.tracks.delete(device);
    await this.update();
  }

  private async capture(device: OwnDevice): Promise<MediaStreamTrack> {
    const kept = device === "microphone" ? this.silenced : null;
    if (kept !== null) {
      this.silenced = null;
      kept.enabled = true;
      return kept;
    }
    if (this.media === undefined) throw new DOMException("needs a secure page", "NotFoundError");
    const stream = await this.open(this.media, device);
    const track = stream.getTracks()[0];
    if (track === undefined) throw new DOMException("no track", "NotFoundError");
    return track;
  }

  private open(media: MediaDevices, device: OwnDevice): Promise<MediaStream> {
    const { microphone, camera } = this.chosen();
    switch (device) {
      case "microphone":
        return media.getUserMedia({
          audio: { deviceId: microphone, echoCancellation: true, noiseSuppression: true },
        });
      case "camera":
        return media.getUserMedia({
          video: { deviceId: camera, width: { ideal: 1280 }, height: { ideal: 720 } },
        });
      case "screen":
        return media.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
    }
  }

  private async update(): Promise<void> {
    this.tell();
    const picture = this.tracks.get("screen") ?? this.tracks.get("camera") ?? null;
    if (picture !== null) picture.contentHint = this.tracks.has("screen") ? "detail" : "motion";
    await this.events.send({ audio: this.tracks.get("microphone") ?? null, video: picture });
  }

  private tell(): void {
    const state = (device: OwnDevice) =>
      this.tracks.has(device) ? "on" : this.starting.has(device) ? "starting" : "off";
    const picture = this.tracks.get("screen") ?? this.tracks.get("camera");
    this.events.changed({
      microphone: state("microphone"),
      camera: state("camera"),
      screen: state("screen"),
      picture: picture === undefined ? null : new MediaStream([picture]),
      trouble: this.trouble,
    });
  }
}

export function troubleOf(error: unknown): DeviceTrouble {
  const name = errorName(error);
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return name === "NotReadableError" || name === "AbortError" ? "busy" : "missing";
}

/** The name of what a browser threw: a `DOMException` of another frame is no `Error` of ours. */
export function errorName(error: unknown): string {
  return typeof error === "object" && error !== null && "name" in error ? String(error.name) : "";
}
