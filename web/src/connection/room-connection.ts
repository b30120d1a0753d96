/**
 * Keeps one person in the room, through lost sockets, networks and servers.
 *
 *     entering ──snapshot──► inside ──socket gone──► returning ──snapshot──► inside
 *        └────────┴─────────────┴─ seat.moved, refused, ended, left ─┴──► moved | closed | left
 *
 * Invariant: after moved, closed and left nothing connects until a press. A seat that another device took while
 * we were away counts as moved: coming back never takes a seat from another device.
 */
import { isOnStage } from "../room/programme";
import { type AnyNotice, apply, fromSnapshot, type RoomState } from "../room/state";
import { type ClosedReason, NOTHING_OWN, type Own, type Phase, type ViewStore } from "../room/view";
import type { Picture, RequestName } from "../wire";
import type { PressMark } from "./device";
import { type Chosen, type OwnDevice, OwnDevices } from "./devices";
import type { Grant, Join, Joined } from "./join";
import type { MediaEvents, MediaLink } from "./media";
import {
  type OpenSocket,
  type Payload,
  type Reply,
  RequestLost,
  RequestRefused,
  type RoomSocket,
} from "./socket";

/** Everything outside that the connection touches, passed in so that tests can pass their own. */
export interface Outside {
  readonly join: Join;
  readonly openSocket: OpenSocket;
  readonly mark: PressMark;
  readonly media: (
    events: MediaEvents,
  ) => Pick<
    MediaLink,
    "connect" | "send" | "rest" | "decoded" | "lost" | "close" | "publishing" | "iceServers"
  >;
  readonly mediaDevices: MediaDevices | undefined;
  readonly chosen: () => Chosen;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Resolves after `ms`, or earlier when there is a reason to try at once (the network is back). */
  readonly pause: (ms: number) => Promise<void>;
}

const MEDIA_RETRY_MS: readonly number[] = [200, 1_000, 3_000, 6_000, 12_000, 15_000];
const SETTLED_MS = 30_000;

export class RoomConnection {
  readonly devices: OwnDevices;
  /** Called at each snapshot. */
  onInside: () => void = () => {};
  /** Called after each other notice, with the room as it was before. */
  onNotice: (notice: AnyNotice, before: RoomState) => void = () => {};

  private readonly view: ViewStore;
  private readonly outside: Outside;
  private readonly media: ReturnType<Outside["media"]>;
  private readonly heights = new Map<number, number>();
  private socket: RoomSocket | null = null;
  /** Rises whenever what is under way must no longer count. */
  private turn = 0;
  private mediaTries = 0;
  private mediaSinceMs = 0;
  /** The turn for which a retry is waiting. */
  private mediaRetryTurn = -1;

  constructor(view: ViewStore, outside: Outside) {
    this.view = view;
    this.outside = outside;
    this.media = outside.media({
      transport: (state) => this.transport(state),
      streams: (streams) => view.setState({ streams }),
      restart: (ice_ufrag) => this.request("media.restart", { ice_ufrag }),
    });
    this.devices = new OwnDevices(
      { changed: (own) => this.ownChanged(own), send: (tracks) => this.media.send(tracks) },
      outside.mediaDevices,
      outside.chosen,
    );
  }

  /** Goes in with a seat just taken by a press. */
  enter(grant: Grant): void {
    this.outside.mark.set();
    this.open(grant);
  }

  /** A press on "continue here" or "come back": takes the seat, from another device too. */
  async enterAgain(): Promise<void> {
    this.phase({ kind: "entering", trouble: false });
    this.outside.mark.set();
    await this.knock("take_over");
  }

  /** Gives the seat back and stays out. */
  leave(): void {
    this.finish({ kind: "left" });
  }

  async request<Name extends RequestName>(name: Name, payload: Payload<Name>): Promise<Reply<Name>> {
    if (this.socket === null) throw new RequestLost();
    return this.socket.request(name, payload);
  }

  /** Says how high slot `slot` is shown; remembered for the next peer. */
  show(slot: number, height: number): void {
    if (this.heights.get(slot) === height) return;
    this.heights.set(slot, height);
    void this.tellHeight(slot, height);
  }

  /** Renews the peer connection if the present one cannot publish. */
  async readyToPublish(): Promise<void> {
    if (this.media.publishing === "receive_only") await this.connectMedia();
  }

  async switchDevice(device: OwnDevice): Promise<void> {
    await (this.devices.isOn(device) ? this.devices.switchOff(device) : this.devices.switchOn(device));
  }

  // ---- the socket

  private open(grant: Grant): void {
    this.turn += 1;
    const turn = this.turn;
    this.media.iceServers = grant.iceServers;
    this.socket = this.outside.openSocket(grant, {
      notice: (notice) => {
        if (turn === this.turn) this.notice(notice);
      },
      gone: (code) => {
        if (turn === this.turn) this.gone(code);
      },
    });
  }

  private notice(notice: AnyNotice): void {
    const [name, payload] = notice;
    if (name === "room.snapshot") this.inside(notice);
    else if (name === "seat.moved") this.finish({ kind: "moved", device: payload.device, at: payload.at });
    else if (name === "seat.removed") this.finish({ kind: "closed", reason: payload.reason });
    else this.changed(notice);
  }

  private inside(notice: AnyNotice): void {
    if (notice[0] !== "room.snapshot") return;
    const room = fromSnapshot(notice[1], this.outside.nowMs());
    this.view.setState({ room, phase: { kind: "inside" } });
    this.mediaTries = 0;
    this.offStage();
    void this.connectMedia();
    if (this.devices.isOn("screen")) void this.tellPicture("screen");
    this.onInside();
  }

  private ownChanged(own: Own): void {
    const before = this.view.getState().own.screen === "on";
    this.view.setState({ own });
    const now = own.screen === "on";
    if (now !== before) void this.tellPicture(now ? "screen" : "camera");
  }

  /** What our video shows, so that viewers know a screen from a face. */
  private async tellPicture(shows: Picture): Promise<void> {
    const { room } = this.view.getState();
    if (this.socket === null || room === null || !isOnStage(room)) return;
    try {
      await this.request("stage.show", { shows });
    } catch {
      // Looks only: the next change or the next snapshot tells it again.
    }
  }

  private changed(notice: AnyNotice): void {
    const { room } = this.view.getState();
    if (room === null) return;
    this.view.setState({ room: apply(room, notice, this.outside.nowMs()) });
    if (notice[0] === "stage.changed") this.offStage();
    if (notice[0] === "media.layers") void this.media.rest(notice[1].mid, notice[1].rids);
    if (notice[0] === "media.codecs") void this.media.decoded(notice[1].codecs);
    if (notice[0] === "media.lost") this.media.lost();
    this.onNotice(notice, room);
  }

  /** Who was sent off the stage is seen and heard by nobody, here too. */
  private offStage(): void {
    const { room } = this.view.getState();
    const here = room !== null && isOnStage(room);
    if (!here && this.devices.anyOn()) void this.devices.allOff();
  }

  private gone(code: string | null): void {
    this.socket = null;
    const reason = closing(code);
    if (reason !== null) return this.finish({ kind: "closed", reason });
    if (this.view.getState().room === null) this.phase({ kind: "entering", trouble: true });
    else this.phase({ kind: "returning", reason: "lost" });
    void this.knock("ask");
  }

  /** Asks to be let in until there is an answer that ends it. */
  private async knock(first: "ask" | "take_over"): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    let takeOver = first;
    for (let attempt = 0; turn === this.turn; attempt += 1) {
      if (attempt > 0 || takeOver === "ask")
        await this.outside.pause(backoffMs(attempt, this.outside.random()));
      if (turn !== this.turn) return;
      const joined = await this.outside.join(takeOver);
      if (turn !== this.turn) return;
      if (this.answered(joined)) return;
      takeOver = first;
      if (joined.kind === "later" && joined.afterS > 0) await this.outside.pause(joined.afterS * 1000);
    }
  }

  /** True when knocking is over. */
  private answered(joined: Joined): boolean {
    switch (joined.kind) {
      case "granted":
        this.open(joined.grant);
        return true;
      case "taken":
        this.finish({ kind: "moved", device: joined.device, at: joined.since });
        return true;
      case "closed":
        this.finish({ kind: "closed", reason: joined.code });
        return true;
      case "early":
      case "later":
        this.troubled(joined.kind === "later" && joined.code === "room_full");
        return false;
    }
  }

  private troubled(full: boolean): void {
    if (this.view.getState().room === null) this.phase({ kind: "entering", trouble: true });
    else this.phase({ kind: "returning", reason: full ? "full" : "lost" });
  }

  private finish(phase: Phase): void {
    this.turn += 1;
    this.outside.mark.clear();
    this.socket?.close();
    this.socket = null;
    this.phase(phase);
    this.media.close();
    void this.devices.allOff();
    this.heights.clear();
    this.view.setState({ own: NOTHING_OWN });
  }

  private phase(phase: Phase): void {
    this.view.setState({ phase });
  }

  // ---- media

  private async connectMedia(): Promise<void> {
    const { room } = this.view.getState();
    if (room === null || this.socket === null) return;
    const turn = this.turn;
    const publishing = room.me.may_publish ? "publish" : "receive_only";
    try {
      await this.media.connect(room.slots, publishing, async (sdp) => {
        const { sdp: answer } = await this.request("media.offer", { sdp });
        return answer;
      });
      for (const [slot, height] of this.heights) void this.tellHeight(slot, height);
    } catch (error) {
      if (turn === this.turn) this.retryMedia(error instanceof RequestRefused ? error.retryAfterS * 1000 : 0);
    }
  }

  private transport(state: "none" | "connecting" | "connected" | "failed"): void {
    this.view.setState({ transport: state });
    const nowMs = this.outside.nowMs();
    if (state === "connected") this.mediaSinceMs = nowMs;
    if (state !== "failed") return;
    if (this.mediaSinceMs > 0 && nowMs - this.mediaSinceMs > SETTLED_MS) this.mediaTries = 0;
    this.retryMedia(0);
  }

  private retryMedia(atLeastMs: number): void {
    const turn = this.turn;
    if (this.mediaRetryTurn === turn) return;
    this.mediaRetryTurn = turn;
    const waitMs = MEDIA_RETRY_MS[Math.min(this.mediaTries, MEDIA_RETRY_MS.length - 1)] ?? 0;
    this.mediaTries += 1;
    this.view.setState({ transport: "failed" });
    void this.outside.pause(Math.max(waitMs, atLeastMs)).then(() => {
      if (turn !== this.turn) return;
      this.mediaRetryTurn = -1;
      void this.connectMedia();
    });
  }

  private async tellHeight(slot: number, height: number): Promise<void> {
    if (this.socket === null || this.view.getState().transport === "none") return;
    try {
      await this.request("media.view", { slot, max_height: height });
    } catch {
      // A hint: the next change or the next peer tells it again.
    }
  }
}

/** 0.3 s, 0.6 s, … at most 3 s, each with up to as much again by chance, so that a room does not return at once. */
export function backoffMs(attempt: number, random: number): number {
  const base = Math.min(300 * 2 ** attempt, 3_000);
  return base * (0.5 + 0.5 * random);
}

function closing(code: string | null): ClosedReason | null {
  switch (code) {
    case "removed":
    case "session_over":
    case "session_cancelled":
      return code;
    default:
      return null;
  }
}
