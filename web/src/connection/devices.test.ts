import { beforeEach, describe, expect, it, vi } from "vitest";
import { NOTHING_OWN, type Own } from "../room/view";
import { OwnDevices } from "./devices";
import type { OwnTracks } from "./media";

class FakeTrack extends EventTarget {
  readonly kind: string;
  enabled = true;
  stopped = false;
  get readyState(): string {
    return this.stopped ? "ended" : "live";
  }
  contentHint = "";
  constructor(kind: string) {
    super();
    this.kind = kind;
  }
  stop(): void {
    this.stopped = true;
  }
}

class FakeStream {
  readonly tracks: readonly FakeTrack[];
  constructor(tracks: readonly FakeTrack[]) {
    this.tracks = tracks;
  }
  getTracks(): readonly FakeTrack[] {
    return this.tracks;
  }
}

const prompts: string[] = [];
const given: FakeTrack[] = [];
let refusal: Error | null = null;
/** As a phone, which opens no second camera beside the first. */
let oneAtATime = false;

function give(kind: string, prompt: string): Promise<MediaStream> {
  prompts.push(prompt);
  if (oneAtATime && given.some((track) => !track.stopped && track.kind === kind))
    return Promise.reject(new DOMException("busy", "NotReadableError"));
  if (refusal !== null) return Promise.reject(refusal);
  const track = new FakeTrack(kind);
  given.push(track);
  return Promise.resolve(new FakeStream([track]) as unknown as MediaStream);
}

const media = {
  getUserMedia: (wanted: MediaStreamConstraints) =>
    wanted.audio === undefined ? give("video", "camera") : give("audio", "microphone"),
  getDisplayMedia: () => give("video", "screen"),
} as unknown as MediaDevices;

function devices() {
  const seen = { own: NOTHING_OWN as Own, sent: { audio: null, video: null } as OwnTracks };
  const own = new OwnDevices(
    {
      changed: (now) => {
        seen.own = now;
      },
      send: async (tracks) => {
        seen.sent = tracks;
      },
    },
    media,
    () => ({ microphone: "", camera: "" }),
  );
  return { own, seen };
}

beforeEach(() => {
  vi.stubGlobal("MediaStream", FakeStream);
  prompts.length = 0;
  given.length = 0;
  refusal = null;
  oneAtATime = false;
  return () => vi.unstubAllGlobals();
});

describe("own devices", () => {
  it("ask for nothing before a press", () => {
    devices();
    expect(prompts).toEqual([]);
  });

  it("release the camera when it is switched off, so that its light goes out", async () => {
    const { own, seen } = devices();
    await own.switchOn("camera");
    expect(seen.sent.video).toBe(given[0]);
    await own.switchOff("camera");
    expect(given[0]?.stopped).toBe(true);
    expect(seen.sent.video).toBeNull();
    expect(seen.own.camera).toBe("off");
  });

  it("keep a microphone that is off silent, and bring it back without asking again", async () => {
    const { own, seen } = devices();
    await own.switchOn("microphone");
    await own.switchOff("microphone");
    expect(given[0]?.enabled).toBe(false);
    expect(seen.sent.audio).toBeNull();
    await own.switchOn("microphone");
    expect(prompts).toEqual(["microphone"]);
    expect(seen.sent.audio).toBe(given[0]);
    expect(given[0]?.enabled).toBe(true);
  });

  it("show the screen in the camera's place, and the camera again afterwards", async () => {
    const { own, seen } = devices();
    await own.switchOn("camera");
    await own.switchOn("screen");
    expect(seen.sent.video).toBe(given[1]);
    given[1]?.dispatchEvent(new Event("ended"));
    await vi.waitFor(() => expect(seen.sent.video).toBe(given[0]));
  });

  it.each([false, true])("change over at once when another is chosen (one at a time: %s)", async (single) => {
    oneAtATime = single;
    const { own, seen } = devices();
    await own.switchOn("camera");
    await own.choiceChanged("camera");
    expect(given).toHaveLength(2);
    expect(given[0]?.stopped).toBe(true);
    expect(seen.sent.video).toBe(given[1]);
    expect(seen.own).toMatchObject({ camera: "on", trouble: null });
  });

  it("go on as they were when the one that is chosen cannot be had", async () => {
    const { own, seen } = devices();
    await own.switchOn("camera");
    refusal = new DOMException("no", "NotFoundError");
    await own.choiceChanged("camera");
    expect(given[0]?.stopped).toBe(false);
    expect(seen.sent.video).toBe(given[0]);
    expect(seen.own).toMatchObject({ camera: "on", trouble: { device: "camera", why: "missing" } });
  });

  it("are the chosen ones the next time when they are off, a silent microphone too", async () => {
    const { own } = devices();
    await own.choiceChanged("camera");
    await own.switchOn("microphone");
    await own.switchOff("microphone");
    await own.choiceChanged("microphone");
    expect(given[0]?.stopped).toBe(true);
    await own.switchOn("microphone");
    expect(prompts).toEqual(["microphone", "microphone"]);
  });

  it("stop altogether when their owner leaves the stage", async () => {
    const { own, seen } = devices();
    await own.switchOn("microphone");
    await own.switchOn("camera");
    await own.switchOff("microphone");
    await own.allOff();
    expect(given.every((track) => track.stopped)).toBe(true);
    expect(seen.own).toEqual(NOTHING_OWN);
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotFoundError", "missing"],
    ["NotReadableError", "busy"],
  ])("say what is wrong: %s", async (name, why) => {
    const { own, seen } = devices();
    refusal = new DOMException("no", name);
    await own.switchOn("camera");
    expect(seen.own).toMatchObject({ camera: "off", trouble: { device: "camera", why } });
  });

  it("take a cancelled choice of screen for what it is", async () => {
    const { own, seen } = devices();
    refusal = new DOMException("no", "NotAllowedError");
    await own.switchOn("screen");
    expect(seen.own.trouble).toBeNull();
  });
});
