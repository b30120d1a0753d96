/** A room in memory that answers as the server would: for stories and tests. */
import {
  type Payload,
  type Reply,
  RequestRefused,
  type RoomSocket,
  type SocketEvents,
} from "../src/connection/socket";
import type { AnyNotice } from "../src/room/state";
import type { Message, RequestName, Snapshot } from "../src/wire";

export class FakeRoom {
  readonly asked: (readonly [RequestName, unknown])[] = [];
  snapshot: Snapshot;
  /** How many of the next messages are refused because they come too fast. */
  tooFast = 0;
  private events: SocketEvents | null = null;
  private messages = 0;

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  open = (_grant: unknown, events: SocketEvents): RoomSocket => {
    this.events = events;
    queueMicrotask(() => this.tell(["room.snapshot", this.snapshot]));
    return {
      request: (name, payload) => this.answer(name, payload),
      close: () => {
        this.events = null;
      },
    };
  };

  tell(notice: AnyNotice): void {
    this.events?.notice(notice);
  }

  /** The connection breaks, as a lost network does. */
  drop(code: string | null = null): void {
    const { events } = this;
    this.events = null;
    events?.gone(code);
  }

  private async answer<Name extends RequestName>(name: Name, payload: Payload<Name>): Promise<Reply<Name>> {
    this.asked.push([name, payload]);
    const reply: unknown = this.reply(name, payload as never);
    return reply as Reply<Name>;
  }

  private reply(
    name: RequestName,
    payload: { text: string; message_id: string; mode: Snapshot["chat_mode"]; cta_id: string },
  ) {
    switch (name) {
      case "chat.post":
        return this.posted(payload.text);
      case "chat.approve":
        return this.approved(payload.message_id);
      case "chat.reject":
        this.tell(["chat.removed", { message_id: payload.message_id }]);
        return {};
      case "chat.set_mode":
        this.tell(["chat.mode", { mode: payload.mode }]);
        return {};
      case "media.offer":
        return { sdp: "v=0" };
      default:
        return {};
    }
  }

  private posted(text: string): Message {
    if (this.tooFast-- > 0) throw new RequestRefused("too_fast", "Too fast.", 0.5);
    if (this.snapshot.chat_mode === "none") throw new RequestRefused("chat_closed", "The chat is closed.", 0);
    const { me } = this.snapshot;
    const held = this.snapshot.chat_mode !== "open" && !me.may_moderate;
    this.messages += 1;
    const message: Message = {
      message_id: `posted-${this.messages}`,
      author_id: me.person_id,
      author_name: me.name,
      by_team: me.may_moderate,
      text,
      state: held ? "held" : "published",
      sent_at: this.snapshot.server_time,
      mode: this.snapshot.chat_mode,
    };
    this.tell(held ? ["chat.held", { message }] : ["chat.message", { message }]);
    return message;
  }

  private approved(messageId: string): Record<string, never> {
    const held = this.snapshot.held.find((message) => message.message_id === messageId);
    if (held === undefined) throw new RequestRefused("unknown_message", "No such message.", 0);
    this.tell(["chat.message", { message: { ...held, state: "published" } }]);
    return {};
  }
}
