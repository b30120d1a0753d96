/**
 * The media half of a connection: one peer connection at a time.
 *
 *     connect ──► connecting ──► connected ──► (lost) failed ──► connect again by whoever owns this
 *
 * Invariant: slot k of a kind is the k-th receive-only section of that kind, audio first, then video; what we
 * publish follows in two send-only sections that stay empty until a device is switched on, so that switching
 * a camera never negotiates. The server replaces the peer of an earlier offer, so a new peer replaces the old
 * one here too, but only once it is connected: the last picture stays until then.
 */
import { type MediaStreams, NO_STREAMS, type Transport } from "../room/view";
import type { MediaRestarted, Slots, VideoCodec } from "../wire";
import { avoidSlowCodecs, codecFor, encodeIn, wantDescriptors } from "./codecs";
import { iceUfrag, renamed } from "./ice";

export type Publishing = "receive_only" | "publish";

export interface MediaEvents {
  /** Tells the server our name of a restart of ICE; returns the server's. */
  restart(iceUfrag: string): Promise<MediaRestarted>;
  transport(state: Transport): void;
  streams(streams: MediaStreams): void;
}

export type OwnTracks = { readonly audio: MediaStreamTrack | null; readonly video: MediaStreamTrack | null };

/** How long a disconnected transport may take to come back by itself. */
const DISCONNECTED_MS = 2_000;
const CONNECT_MS = 8_000;
const RESTART_MS = 3_000;

/**
 * The camera in three layers, so that the server can send each viewer the one that fits: of 720 rows 180, 360 and all.
 * Together they stay below what the server lets a publisher send.
 */
const LAYERS: readonly RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_750_000 },
];

export type MakePeer = (iceServers: readonly RTCIceServer[]) => RTCPeerConnection;

interface Peer {
  readonly pc: RTCPeerConnection;
  readonly streams: MediaStreams;
  readonly publishing: Publishing;
  readonly audio: RTCRtpSender | null;
  readonly video: RTCRtpTransceiver | null;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** The layers that somebody watches; null until it is told. */
  watched: readonly string[] | null;
  codec: VideoCodec;
}

export class MediaLink {
  private present: Peer | null = null;
  private coming: Peer | null = null;
  private own: OwnTracks = { audio: null, video: null };
  private everybodys: readonly VideoCodec[] = [];
  private shaping: Promise<void> = Promise.resolve();
  private readonly events: MediaEvents;
  private readonly makePeer: MakePeer;
  /** Relays that peers made from now on may use. */
  iceServers: readonly RTCIceServer[] = [];

  constructor(events: MediaEvents, makePeer: MakePeer = defaultPeer) {
    this.events = events;
    this.makePeer = makePeer;
  }

  /** What the newest peer was offered for. */
  get publishing(): Publishing {
    return (this.coming ?? this.present)?.publishing ?? "receive_only";
  }

  /** Offers anew. Throws what `offer` throws; a failing transport is told by `events` instead. */
  async connect(
    slots: Slots,
    publishing: Publishing,
    offer: (sdp: string) => Promise<string>,
  ): Promise<void> {
    this.drop(this.coming);
    const peer = buildPeer(this.makePeer(this.iceServers), slots, publishing);
    this.coming = peer;
    this.watch(peer);
    this.events.transport("connecting");
    try {
      await carry(peer, this.own);
      await peer.pc.setLocalDescription();
      const answer = await offer(peer.pc.localDescription?.sdp ?? "");
      if (this.coming !== peer) return;
      await peer.pc.setRemoteDescription({ type: "answer", sdp: answer });
      await this.shape(peer);
    } catch (error) {
      if (this.coming !== peer) return;
      this.drop(peer);
      this.coming = null;
      throw error;
    }
  }

  /** Sends these tracks from now on; null sends nothing of that kind. */
  async send(own: OwnTracks): Promise<void> {
    this.own = own;
    for (const peer of [this.present, this.coming]) {
      if (peer === null) continue;
      await carry(peer, own);
      await this.shape(peer);
    }
  }

  /** Everybody in the room decodes these codecs, and may not decode others. */
  async decoded(codecs: readonly VideoCodec[]): Promise<void> {
    this.everybodys = codecs;
    for (const peer of [this.present, this.coming]) if (peer !== null) await this.shape(peer);
  }

  /** Lets the layers rest that are not in `rids`: nobody watches them. What is not ours is passed over. */
  async rest(mid: string, rids: readonly string[]): Promise<void> {
    const answered = this.coming?.pc.remoteDescription ? this.coming : this.present;
    if (answered?.video?.mid !== mid) return;
    answered.watched = rids;
    await this.shape(answered);
  }

  /** The server has nothing of us any more: sooner known than by silence. An offer under way is not meant. */
  lost(): void {
    const known = this.coming?.pc.remoteDescription ? this.coming : this.present;
    if (known !== null) this.failed(known);
  }

  /** One change at a time, each by what is known when its turn comes: none undoes another. */
  private shape(peer: Peer): Promise<void> {
    this.shaping = this.shaping.then(() => shape(peer, codecFor(this.own.video, this.everybodys)));
    return this.shaping;
  }

  close(): void {
    this.drop(this.coming);
    this.drop(this.present);
    this.coming = null;
    this.present = null;
    this.events.streams(NO_STREAMS);
    this.events.transport("none");
  }

  private watch(peer: Peer): void {
    const { pc } = peer;
    peer.timer = setTimeout(() => this.failed(peer), CONNECT_MS);
    pc.addEventListener("connectionstatechange", () => {
      clearTimeout(peer.timer);
      if (pc.connectionState === "connected") this.connected(peer);
      else if (pc.connectionState === "failed") this.failed(peer);
      else if (pc.connectionState === "disconnected") {
        peer.timer = setTimeout(() => void this.restart(peer), DISCONNECTED_MS);
      } else peer.timer = setTimeout(() => this.failed(peer), CONNECT_MS);
    });
  }

  private connected(peer: Peer): void {
    if (this.coming === peer) {
      this.drop(this.present);
      this.present = peer;
      this.coming = null;
      this.events.streams(peer.streams);
    }
    if (this.present === peer && this.coming === null) this.events.transport("connected");
  }

  /** The way is lost: the same connection by new names, from another address too, before one is made anew. */
  private async restart(peer: Peer): Promise<void> {
    if ((this.coming ?? this.present) !== peer) return;
    const { pc } = peer;
    const answered = pc.currentRemoteDescription?.sdp ?? "";
    peer.timer = setTimeout(() => this.failed(peer), RESTART_MS);
    this.events.transport("connecting");
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      const server = await this.events.restart(iceUfrag(pc.localDescription?.sdp ?? ""));
      await pc.setRemoteDescription({ type: "answer", sdp: renamed(answered, server) });
    } catch {
      this.failed(peer);
    }
  }

  private failed(peer: Peer): void {
    clearTimeout(peer.timer);
    const wanted = this.coming ?? this.present;
    if (wanted === peer && peer.pc.connectionState !== "closed") this.events.transport("failed");
  }

  private drop(peer: Peer | null): void {
    if (peer === null) return;
    clearTimeout(peer.timer);
    peer.pc.close();
  }
}

/** Puts the tracks in; a peer that is closed meanwhile carries nothing. */
async function carry(peer: Peer, own: OwnTracks): Promise<void> {
  try {
    await Promise.all([peer.audio?.replaceTrack(own.audio), peer.video?.sender.replaceTrack(own.video)]);
  } catch (error) {
    if (peer.pc.signalingState !== "closed") throw error;
  }
}

/** Sends the layers that are watched, in this codec, once the peer is answered. */
async function shape(peer: Peer, codec: VideoCodec): Promise<void> {
  const { pc, video, watched } = peer;
  if (video === null || pc.remoteDescription === null) return;
  if (watched === null && codec === peer.codec) return;
  const parameters = video.sender.getParameters();
  if (watched !== null) {
    for (const layer of parameters.encodings) layer.active = watched.includes(layer.rid ?? "");
  }
  const changes = codec !== peer.codec && encodeIn(parameters, codec);
  try {
    await video.sender.setParameters(parameters);
    if (changes) peer.codec = codec;
  } catch {
    // A layer that does not rest costs no more than its way up; a codec is tried again with the next change.
  }
}

function defaultPeer(iceServers: readonly RTCIceServer[]): RTCPeerConnection {
  return new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: [...iceServers] });
}

function buildPeer(pc: RTCPeerConnection, slots: Slots, publishing: Publishing): Peer {
  const audio = receivers(pc, "audio", slots.audio);
  const video = receivers(pc, "video", slots.video);
  const streams: MediaStreams = {
    programme: streamOf([audio[0], video[0]]),
    voices: audio.map((track, slot) => (slot === 0 ? null : streamOf([track]))),
    faces: video.map((track, slot) => (slot === 0 ? null : streamOf([track]))),
  };
  const sends = publishing === "publish" ? senders(pc) : { audio: null, video: null };
  return { pc, streams, publishing, ...sends, timer: undefined, watched: null, codec: "vp8" };
}

function receivers(
  pc: RTCPeerConnection,
  kind: "audio" | "video",
  count: number,
): readonly MediaStreamTrack[] {
  return Array.from({ length: count }, () => {
    const slot = pc.addTransceiver(kind, { direction: "recvonly" });
    if (kind === "video") {
      wantDescriptors(slot);
      avoidSlowCodecs(slot, navigator);
    }
    return slot.receiver.track;
  });
}

function senders(pc: RTCPeerConnection): { audio: RTCRtpSender; video: RTCRtpTransceiver } {
  const sendEncodings = LAYERS.map((layer) => ({ ...layer }));
  const audio = pc.addTransceiver("audio", { direction: "sendonly" }).sender;
  const video = pc.addTransceiver("video", { direction: "sendonly", sendEncodings });
  avoidSlowCodecs(video, navigator);
  return { audio, video };
}

function streamOf(tracks: readonly (MediaStreamTrack | undefined)[]): MediaStream {
  return new MediaStream(tracks.filter((track) => track !== undefined));
}
