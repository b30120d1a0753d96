/** Everything outside a room connection, played: joins answer from a list, waiting ends when told. */
import { Desk, type Timers } from "../src/connection/desk";
import { type Shelf, shelf } from "../src/connection/device";
import type { Joined, TakeOver } from "../src/connection/join";
import type { MediaEvents, Publishing } from "../src/connection/media";
import { RoomConnection } from "../src/connection/room-connection";
import { createView, type ViewStore } from "../src/room/view";
import type { Slots, Snapshot } from "../src/wire";
import { FakeRoom } from "./fake-room";

export const GRANTED: Joined = { kind: "granted", grant: { signallingUrl: "", ticket: "t", iceServers: [] } };

export class Outside {
  readonly room: FakeRoom;
  readonly view: ViewStore = createView({ blocked: false, muted: false, volume: 1 });
  readonly kept: Shelf = memoryShelf();
  readonly connection: RoomConnection;
  readonly desk: Desk;
  readonly joins: TakeOver[] = [];
  readonly offers: (readonly [Slots, Publishing])[] = [];
  readonly paused: number[] = [];
  marked = false;
  answers: Joined[] = [];
  /** The page's own clock, moved on by `pass`. */
  nowMs = performance.now();
  media: MediaEvents | null = null;
  readonly rested: [string, readonly string[]][] = [];
  readonly decoded: (readonly string[])[] = [];
  losses = 0;
  private readonly due: { atMs: number; what: () => void }[] = [];

  constructor(snapshot: Snapshot, mediaDevices?: MediaDevices) {
    this.room = new FakeRoom(snapshot);
    this.connection = new RoomConnection(this.view, {
      join: async (takeOver) => {
        this.joins.push(takeOver);
        return this.answers.shift() ?? new Promise<Joined>(() => {});
      },
      openSocket: this.room.open,
      mark: {
        set: () => {
          this.marked = true;
        },
        clear: () => {
          this.marked = false;
        },
        isSet: () => this.marked,
      },
      media: (events) => this.playedMedia(events),
      mediaDevices,
      chosen: () => ({ microphone: "", camera: "" }),
      nowMs: () => this.nowMs,
      random: () => 1,
      pause: (ms) => new Promise((resolve) => void this.pausing(ms, resolve)),
    });
    const words = {
      notSent: () => "not sent",
      declined: () => "declined",
      extended: () => "extended",
      takenBack: () => "taken back",
      sentOff: () => "sent off",
    };
    this.desk = new Desk(this.view, this.connection, this.kept, "token", words, this.timers);
  }

  /** Goes in and waits for the first snapshot. */
  async enter(): Promise<void> {
    this.connection.enter({ signallingUrl: "", ticket: "t", iceServers: [] });
    await this.settle();
  }

  /** Lets time pass, and everything that is due happen. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const one of this.due.splice(0)) {
      if (one.atMs <= this.nowMs) one.what();
      else this.due.push(one);
    }
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  private pausing(ms: number, resolve: () => void): void {
    this.paused.push(ms);
    this.due.push({ atMs: this.nowMs + ms, what: resolve });
  }

  private readonly timers: Timers = {
    after: (ms, what) => {
      const one = { atMs: this.nowMs + ms, what };
      this.due.push(one);
      return () => {
        const at = this.due.indexOf(one);
        if (at >= 0) this.due.splice(at, 1);
      };
    },
  };

  private playedMedia(events: MediaEvents) {
    this.media = events;
    const { offers, rested, decoded } = this;
    return {
      get publishing(): Publishing {
        return offers.at(-1)?.[1] ?? "receive_only";
      },
      iceServers: [],
      connect: async (slots: Slots, publishing: Publishing, offer: (sdp: string) => Promise<string>) => {
        offers.push([slots, publishing]);
        await offer("v=0");
        events.transport("connected");
      },
      send: async () => {},
      rest: async (mid: string, rids: readonly string[]) => {
        rested.push([mid, rids]);
      },
      lost: () => {
        this.losses += 1;
      },
      decoded: async (codecs: readonly string[]) => {
        decoded.push(codecs);
      },
      close: () => events.transport("none"),
    };
  }
}

function memoryShelf(): Shelf {
  return shelf(() => {
    throw new Error("nothing is stored");
  });
}
