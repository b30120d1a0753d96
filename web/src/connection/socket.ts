/** One Socket.IO connection to the room, typed by the wire. It never reconnects by itself: see `room-connection.ts`. */
import { io, type Socket } from "socket.io-client";
import type { AnyNotice } from "../room/state";
import type { Ack, NoticeName, RequestName, Requests } from "../wire";
import type { Grant } from "./join";

export type Payload<Name extends RequestName> = Requests[Name]["payload"];
export type Reply<Name extends RequestName> = Requests[Name]["reply"];

/** The server understood and said no. `detail` is for people. */
export class RequestRefused extends Error {
  readonly code: string;
  readonly retryAfterS: number;

  constructor(code: string, detail: string, retryAfterS: number) {
    super(detail);
    this.name = "RequestRefused";
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** No answer came: the connection went, or it took too long. Whether it was done is unknown. */
export class RequestLost extends Error {
  constructor() {
    super("no answer");
    this.name = "RequestLost";
  }
}

export interface RoomSocket {
  request<Name extends RequestName>(name: Name, payload: Payload<Name>): Promise<Reply<Name>>;
  close(): void;
}

export interface SocketEvents {
  notice(notice: AnyNotice): void;
  /** The connection is gone, or never came; called once. `code` is the server's refusal to connect, if any. */
  gone(code: string | null): void;
}

export type OpenSocket = (grant: Grant, events: SocketEvents) => RoomSocket;

const CONNECT_TIMEOUT_MS = 8_000;
const ANSWER_TIMEOUT_MS = 8_000;

const NOTICE_NAMES: Readonly<Record<NoticeName, true>> = {
  "room.snapshot": true,
  "room.person": true,
  "room.count": true,
  "chat.message": true,
  "chat.held": true,
  "chat.removed": true,
  "chat.mode": true,
  "cta.show": true,
  "cta.hide": true,
  "stage.changed": true,
  "media.layers": true,
  "media.codecs": true,
  "media.lost": true,
  "playback.position": true,
  "playback.timeline": true,
  "session.state": true,
  "seat.moved": true,
  "seat.removed": true,
};

export const openSocket: OpenSocket = (grant, events) => {
  const socket = io(`${grant.signallingUrl}/room`, {
    transports: ["websocket"],
    reconnection: false,
    forceNew: true,
    timeout: CONNECT_TIMEOUT_MS,
    auth: { ticket: grant.ticket },
  });
  let over = false;
  const gone = (code: string | null) => {
    if (over) return;
    over = true;
    socket.disconnect();
    events.gone(code);
  };
  socket.onAny((name: string, payload: unknown) => {
    if (!over && name in NOTICE_NAMES) events.notice([name, payload] as unknown as AnyNotice);
  });
  socket.on("connect_error", (error) => gone(error.message));
  socket.on("disconnect", () => gone(null));
  return {
    request: (name, payload) => ask(socket, name, payload),
    close: () => {
      over = true;
      socket.disconnect();
    },
  };
};

async function ask<Name extends RequestName>(
  socket: Socket,
  name: Name,
  payload: Payload<Name>,
): Promise<Reply<Name>> {
  const answer = await emitted<Name>(socket, name, payload);
  if ("ok" in answer) return answer.ok;
  const { code, detail, retry_after_s: retryAfterS } = answer.error;
  throw new RequestRefused(code, detail, retryAfterS ?? 0);
}

async function emitted<Name extends RequestName>(
  socket: Socket,
  name: Name,
  payload: Payload<Name>,
): Promise<Ack<Reply<Name>>> {
  if (!socket.connected) throw new RequestLost();
  try {
    return await socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(name, payload);
  } catch {
    throw new RequestLost();
  }
}
