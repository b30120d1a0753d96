import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MediaStreams, Transport } from "../room/view";
import type { MediaRestarted } from "../wire";
import { MediaLink } from "./media";

class FakeStream {
  readonly tracks: readonly unknown[];
  constructor(tracks: readonly unknown[]) {
    this.tracks = tracks;
  }
}

type Layer = { rid?: string; active?: boolean; codec?: { mimeType: string } };
const CODECS = ["VP8", "VP9", "AV1"].map((name) => ({ mimeType: `video/${name}` }));

class FakePeer extends EventTarget {
  connectionState = "new";
  localDescription: { sdp: string } | null = null;
  remote: string | null = null;
  restarts = 0;
  readonly lines: { kind: string; direction: string; sent: unknown }[] = [];
  readonly encodings = new Map<string, Layer[]>();

  addTransceiver(kind: string, { direction, sendEncodings }: { direction: string; sendEncodings?: Layer[] }) {
    const line = { kind, direction, sent: null as unknown };
    const mid = String(this.lines.length);
    this.lines.push(line);
    this.encodings.set(mid, sendEncodings ?? []);
    const sender = {
      replaceTrack: async (track: unknown) => {
        line.sent = track;
      },
      getParameters: () => ({ encodings: structuredClone(this.encodings.get(mid)), codecs: CODECS }),
      setParameters: async ({ encodings }: { encodings: Layer[] }) => {
        this.encodings.set(mid, encodings);
      },
    };
    return { receiver: { track: `${kind}-${mid}` }, sender, mid };
  }

  /** The layers that a section sends. */
  active(mid: string): (string | undefined)[] {
    const sent = this.encodings.get(mid)?.filter((layer) => layer.active !== false) ?? [];
    return sent.map((layer) => layer.rid);
  }

  /** The codecs of a section's layers. */
  codecs(mid: string): (string | undefined)[] {
    return (this.encodings.get(mid) ?? []).map((layer) => layer.codec?.mimeType);
  }

  get remoteDescription() {
    return this.remote === null ? null : { sdp: this.remote };
  }

  get currentRemoteDescription() {
    return this.remoteDescription;
  }

  async createOffer({ iceRestart }: { iceRestart: boolean }) {
    if (iceRestart) this.restarts += 1;
    return { sdp: `v=0\r\na=ice-ufrag:anew${this.restarts}\r\n` };
  }

  async setLocalDescription(given?: { sdp: string }): Promise<void> {
    const sections = this.lines.map((line) => `${line.kind} ${line.direction}`).join("\n");
    this.localDescription = given ?? { sdp: sections };
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.remote = sdp;
  }

  become(state: string): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    this.connectionState = "closed";
  }
}

const peers: FakePeer[] = [];
const states: Transport[] = [];
const streams: MediaStreams[] = [];
const restarts: string[] = [];
let restarted: MediaRestarted | null = null;

function link(): MediaLink {
  const events = {
    transport: (state: Transport) => states.push(state),
    streams: (all: MediaStreams) => streams.push(all),
    restart: async (ufrag: string) => {
      restarts.push(ufrag);
      if (restarted === null) throw new Error("refused");
      return restarted;
    },
  };
  return new MediaLink(events, () => {
    const peer = new FakePeer();
    peers.push(peer);
    return peer as unknown as RTCPeerConnection;
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaStream", FakeStream);
  for (const list of [peers, states, streams, restarts]) list.length = 0;
  restarted = { ice_ufrag: "theirs", ice_pwd: "secret" };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const SLOTS = { audio: 2, video: 2 };
const answer = async () => "answer";

describe("an offer", () => {
  it("may go by the relays that are known when it is made", async () => {
    const given: (readonly RTCIceServer[])[] = [];
    const media = new MediaLink(
      { transport: () => {}, streams: () => {}, restart: () => new Promise(() => {}) },
      (iceServers) => {
        given.push(iceServers);
        return new FakePeer() as unknown as RTCPeerConnection;
      },
    );
    const relay = { urls: ["turns:turn.example.org"], username: "1:a", credential: "b" };
    await media.connect(SLOTS, "receive_only", answer);
    media.iceServers = [relay];
    await media.connect(SLOTS, "receive_only", answer);
    expect(given).toEqual([[], [relay]]);
  });

  it("receives audio slots first, then video slots, and sends nothing for a viewer", async () => {
    let offered = "";
    await link().connect(SLOTS, "receive_only", async (sdp) => {
      offered = sdp;
      return "answer";
    });
    expect(offered.split("\n")).toEqual([
      "audio recvonly",
      "audio recvonly",
      "video recvonly",
      "video recvonly",
    ]);
    expect(peers[0]?.remote).toBe("answer");
  });

  it("has two empty send-only sections for whoever may publish, which carry what is on", async () => {
    const media = link();
    const camera = { kind: "video" } as MediaStreamTrack;
    await media.connect(SLOTS, "publish", answer);
    expect(peers[0]?.lines.slice(4)).toEqual([
      { kind: "audio", direction: "sendonly", sent: null },
      { kind: "video", direction: "sendonly", sent: null },
    ]);
    await media.send({ audio: null, video: camera });
    expect(peers[0]?.lines[5]?.sent).toBe(camera);
    await media.connect(SLOTS, "publish", answer);
    expect(peers[1]?.lines[5]?.sent).toBe(camera);
  });

  it("puts the sound and picture of slot 0 together, so that they stay together", async () => {
    await link().connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    expect(streams[0]?.programme).toEqual(new FakeStream(["audio-0", "video-2"]));
    expect(streams[0]?.faces[1]).toEqual(new FakeStream(["video-3"]));
  });
});

describe("the camera (ROOM-3)", () => {
  it("is sent in three layers, of which those that nobody watches rest", async () => {
    const media = link();
    await media.connect(SLOTS, "publish", answer);
    expect(peers[0]?.active("5")).toEqual(["q", "h", "f"]);
    await media.rest("5", ["q"]);
    expect(peers[0]?.active("5")).toEqual(["q"]);
    await media.rest("5", ["q", "f"]);
    expect(peers[0]?.active("5")).toEqual(["q", "f"]);
  });

  it("rests as the peer that was answered last is told, and a new peer sends everything", async () => {
    const media = link();
    await media.connect(SLOTS, "publish", answer);
    peers[0]?.become("connected");
    let answered = (_: string) => {};
    let coming = Promise.resolve();
    const asked = new Promise<void>((heard) => {
      const offer = () => {
        heard();
        return new Promise<string>((done) => {
          answered = done;
        });
      };
      coming = media.connect(SLOTS, "publish", offer);
    });
    await asked;
    await media.rest("5", ["q"]);
    expect([peers[0]?.active("5"), peers[1]?.active("5")]).toEqual([["q"], ["q", "h", "f"]]);
    answered("answer");
    await coming;
    await media.rest("5", ["q", "h"]);
    expect(peers[1]?.active("5")).toEqual(["q", "h"]);
  });

  it("has nothing to rest for a viewer, or under another name", async () => {
    const media = link();
    await media.rest("5", []);
    await media.connect(SLOTS, "receive_only", answer);
    await media.rest("5", []);
    await media.connect(SLOTS, "publish", answer);
    await media.rest("4", []);
    expect(peers[1]?.active("5")).toEqual(["q", "h", "f"]);
  });
});

describe("media that the server lost", () => {
  it("have failed, before any timeout", async () => {
    const media = link();
    media.lost();
    expect(states).not.toContain("failed");
    await media.connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    media.lost();
    expect(states.at(-1)).toBe("failed");
  });

  it("are not those that are being offered meanwhile", async () => {
    const media = link();
    await media.connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    await media.connect(SLOTS, "receive_only", async () => {
      media.lost();
      return "answer";
    });
    expect(states).not.toContain("failed");
  });
});

describe("a shared screen", () => {
  const screen = { kind: "video", contentHint: "detail" } as MediaStreamTrack;
  const camera = { kind: "video", contentHint: "motion" } as MediaStreamTrack;

  it("is sent in what everybody decodes, and what follows it in VP8", async () => {
    const media = link();
    await media.decoded(["vp8", "vp9", "av1"]);
    await media.send({ audio: null, video: camera });
    await media.connect(SLOTS, "publish", answer);
    expect(peers[0]?.codecs("5")).toEqual([undefined, undefined, undefined]);
    await media.send({ audio: null, video: screen });
    expect(peers[0]?.codecs("5")).toEqual(["video/AV1", "video/AV1", "video/AV1"]);
    await media.send({ audio: null, video: camera });
    expect(peers[0]?.codecs("5")).toEqual(["video/VP8", "video/VP8", "video/VP8"]);
  });

  it("goes back to VP8 as soon as somebody comes who decodes nothing else", async () => {
    const media = link();
    await media.send({ audio: null, video: screen });
    await media.connect(SLOTS, "publish", answer);
    expect(peers[0]?.codecs("5")).toEqual([undefined, undefined, undefined]);
    await media.decoded(["vp8", "vp9"]);
    expect(peers[0]?.codecs("5")).toEqual(["video/VP9", "video/VP9", "video/VP9"]);
    await media.rest("5", ["q"]);
    await media.decoded(["vp8"]);
    expect(peers[0]?.codecs("5")).toEqual(["video/VP8", "video/VP8", "video/VP8"]);
    expect(peers[0]?.active("5")).toEqual(["q"]);
  });

  it("waits for the answer, and a new peer is told anew", async () => {
    const media = link();
    await media.send({ audio: null, video: screen });
    await media.connect(SLOTS, "publish", async () => {
      await media.decoded(["vp8", "av1"]);
      expect(peers[0]?.codecs("5")).toEqual([undefined, undefined, undefined]);
      return "answer";
    });
    expect(peers[0]?.codecs("5")).toEqual(["video/AV1", "video/AV1", "video/AV1"]);
    await media.connect(SLOTS, "publish", answer);
    expect(peers[1]?.codecs("5")).toEqual(["video/AV1", "video/AV1", "video/AV1"]);
  });
});

describe("a new peer", () => {
  it("replaces the old one only once it is connected", async () => {
    const media = link();
    await media.connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    await media.connect(SLOTS, "receive_only", answer);
    expect(peers[0]?.connectionState).toBe("connected");
    expect(streams).toHaveLength(1);
    peers[1]?.become("connected");
    expect(peers[0]?.connectionState).toBe("closed");
    expect(streams).toHaveLength(2);
  });

  it("that never connects has failed after eight seconds", async () => {
    await link().connect(SLOTS, "receive_only", answer);
    vi.advanceTimersByTime(8_000);
    expect(states).toEqual(["connecting", "failed"]);
  });

  it("whose offer is refused is dropped, and the refusal told", async () => {
    const media = link();
    await expect(
      media.connect(SLOTS, "receive_only", () => Promise.reject(new Error("room_full"))),
    ).rejects.toThrow("room_full");
    expect(peers[0]?.connectionState).toBe("closed");
  });
});

describe("a transport that breaks", () => {
  it("has two seconds to come back by itself", async () => {
    await link().connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    peers[0]?.become("disconnected");
    vi.advanceTimersByTime(1_900);
    peers[0]?.become("connected");
    vi.advanceTimersByTime(60_000);
    expect(states).not.toContain("failed");
    expect(restarts).toEqual([]);
  });

  it("goes on by new names, and by a new connection only when that does not help", async () => {
    const sdp =
      "a=ice-ufrag:before\r\na=ice-pwd:old\r\na=candidate:1 1 udp 1 ::1 2 typ host ufrag before\r\n";
    await link().connect(SLOTS, "receive_only", async () => sdp);
    peers[0]?.become("connected");
    peers[0]?.become("disconnected");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(restarts).toEqual(["anew1"]);
    expect(states.at(-1)).toBe("connecting");
    expect(peers[0]?.remote).toBe(
      "a=ice-ufrag:theirs\r\na=ice-pwd:secret\r\na=candidate:1 1 udp 1 ::1 2 typ host ufrag theirs\r\n",
    );
    peers[0]?.become("connected");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toBe("connected");

    peers[0]?.become("disconnected");
    await vi.advanceTimersByTimeAsync(4_900);
    expect(states.at(-1)).toBe("connecting");
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)).toBe("failed");
    expect(peers).toHaveLength(1);
  });

  it("that the server does not restart is made anew at once", async () => {
    restarted = null;
    await link().connect(SLOTS, "receive_only", answer);
    peers[0]?.become("connected");
    peers[0]?.become("disconnected");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(states.at(-1)).toBe("failed");
  });

  it("of an old peer does not matter any more", async () => {
    const media = link();
    await media.connect(SLOTS, "receive_only", answer);
    await media.connect(SLOTS, "receive_only", answer);
    peers[1]?.become("connected");
    peers[0]?.become("failed");
    expect(states.at(-1)).toBe("connected");
  });
});
