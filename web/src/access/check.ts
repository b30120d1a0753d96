/** The device check. Each part starts by its own press; the network is measured by asking whether the server lives. */
import { browserShelf, CHOSEN_KEYS } from "../connection/device";
import { meter, part, text } from "./page";

const SLOW_MS = 400;
const PROBES = 3;

/** Plays two soft notes and shows their level. */
export function soundCheck(): void {
  const button = part("check-sound");
  const level = part("sound-meter");
  const words = part("sound-words");
  if (button === null || level === null || words === null) return;
  const draw = meter(level, 12);
  button.addEventListener("click", () => {
    const audio = new AudioContext();
    const ear = audio.createAnalyser();
    ear.connect(audio.destination);
    note(audio, ear, 523.25, 0);
    note(audio, ear, 783.99, 0.35);
    const stop = listen(ear, draw);
    setTimeout(() => {
      stop();
      draw(0);
      words.textContent = text(words, "after");
      void audio.close();
    }, 1300);
  });
}

function note(audio: AudioContext, to: AudioNode, hertz: number, afterS: number): void {
  const tone = audio.createOscillator();
  const gain = audio.createGain();
  const from = audio.currentTime + afterS;
  tone.frequency.value = hertz;
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(0.25, from + 0.03);
  gain.gain.exponentialRampToValueAtTime(0.001, from + 0.8);
  tone.connect(gain).connect(to);
  tone.start(from);
  tone.stop(from + 0.85);
}

/** Draws what an analyser hears until stopped. */
function listen(ear: AnalyserNode, draw: (level: number) => void): () => void {
  const samples = new Float32Array(ear.fftSize);
  let frame = 0;
  const step = () => {
    ear.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    draw(Math.min(1, Math.sqrt(power) * 6));
    frame = requestAnimationFrame(step);
  };
  step();
  return () => cancelAnimationFrame(frame);
}

/** Returns the server's clock minus ours, in ms, to the second. */
export async function networkCheck(): Promise<number> {
  const state = part("network");
  let best = Number.POSITIVE_INFINITY;
  let aheadMs = 0;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const from = performance.now();
    try {
      const reply = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5_000) });
      best = Math.min(best, performance.now() - from);
      const date = Date.parse(reply.headers.get("date") ?? "");
      if (!Number.isNaN(date)) aheadMs = date - Date.now();
    } catch {
      // Counted as no answer below.
    }
  }
  const verdict = best === Number.POSITIVE_INFINITY ? "away" : best > SLOW_MS ? "slow" : "good";
  const figure = part("network-ms");
  if (figure !== null && verdict !== "away") figure.textContent = `${Math.max(1, Math.round(best))} ms`;
  if (state !== null) {
    state.textContent = text(state, verdict);
    state.classList.add(verdict === "good" ? "is-ok" : "is-warn");
  }
  return Math.abs(aheadMs) < 2_000 ? 0 : aheadMs;
}

/** For whoever may speak: camera and microphone, on a press; released by the result. */
export function cameraCheck(): () => void {
  const button = part("check-camera");
  const check = new CameraCheck();
  button?.addEventListener("click", () => void check.start());
  return () => check.stop();
}

class CameraCheck {
  private stream: MediaStream | null = null;
  private deaf: () => void = () => {};

  async start(): Promise<void> {
    this.stop();
    try {
      this.stream = await captured();
    } catch (error) {
      const words = part("camera-words");
      const denied = error instanceof Error && error.name === "NotAllowedError";
      if (words !== null) words.textContent = text(words, denied ? "denied" : "missing");
      return;
    }
    this.show(this.stream);
    await this.offerChoices();
  }

  stop(): void {
    this.deaf();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  private show(stream: MediaStream): void {
    const preview = part("preview");
    if (preview instanceof HTMLVideoElement) {
      preview.srcObject = stream;
      preview.hidden = stream.getVideoTracks().length === 0;
      void preview.play();
    }
    part("self-ask")?.toggleAttribute("hidden", stream.getVideoTracks().length > 0);
    const level = part("mic-meter");
    if (level === null || stream.getAudioTracks().length === 0) return;
    const audio = new AudioContext();
    const ear = audio.createAnalyser();
    audio.createMediaStreamSource(stream).connect(ear);
    const stop = listen(ear, meter(level, 14));
    this.deaf = () => {
      stop();
      void audio.close();
      this.deaf = () => {};
    };
  }

  private async offerChoices(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.choice(
      "microphone",
      "mic-row",
      devices.filter((one) => one.kind === "audioinput"),
    );
    this.choice(
      "camera",
      "cam-row",
      devices.filter((one) => one.kind === "videoinput"),
    );
  }

  private choice(device: keyof typeof CHOSEN_KEYS, row: string, devices: readonly MediaDeviceInfo[]): void {
    const select = part(`choose-${device}`);
    part(row)?.toggleAttribute("hidden", devices.length === 0);
    if (!(select instanceof HTMLSelectElement)) return;
    select.replaceChildren(...devices.map((one) => new Option(one.label, one.deviceId)));
    const kind = device === "microphone" ? "audio" : "video";
    const present = this.stream?.getTracks().find((track) => track.kind === kind);
    select.value = present?.getSettings().deviceId ?? select.value;
    select.onchange = () => {
      browserShelf.put(CHOSEN_KEYS[device], select.value);
      void this.start();
    };
  }
}

/** Both if there are both, else the one there is. */
async function captured(): Promise<MediaStream> {
  const wanted = (key: string) => ({ deviceId: browserShelf.get(key) ?? "" });
  const audio = wanted(CHOSEN_KEYS.microphone);
  const video = wanted(CHOSEN_KEYS.camera);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "NotFoundError") throw error;
    return navigator.mediaDevices
      .getUserMedia({ audio })
      .catch(() => navigator.mediaDevices.getUserMedia({ video }));
  }
}
