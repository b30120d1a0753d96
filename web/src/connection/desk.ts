/**
 * What the reader does in the room, as calls that cannot fail silently: each says on the page why it was refused.
 *
 * A rejection waits five seconds before it is sent, so that undoing it is true: until then nobody was told.
 */

import type { Outbox } from "../room/outbox";
import * as outbox from "../room/outbox";
import { isOnStage } from "../room/programme";
import type { RoomState } from "../room/state";
import type { Sound, ViewStore } from "../room/view";
import type { ChatMode, HandBack, Message, RequestName } from "../wire";
import { randomKey, type Shelf } from "./device";
import type { Chosen, OwnDevice } from "./devices";
import type { RoomConnection } from "./room-connection";
import { type Payload, RequestLost, RequestRefused } from "./socket";

export const UNDO_MS = 5_000;
export const RESEND_MS = 2_000;
const TOAST_MS = 7_000;

/** The words of refusals that have no text of the server's. */
export interface Words {
  notSent(): string;
  declined(): string;
  extended(): string;
  takenBack(): string;
  sentOff(): string;
}

export interface Timers {
  after(ms: number, what: () => void): () => void;
}

export class Desk {
  private readonly view: ViewStore;
  private readonly connection: RoomConnection;
  private readonly kept: Shelf;
  private readonly keptAs: string;
  private readonly words: Words;
  private readonly timers: Timers;
  private readonly undoable = new Map<string, () => void>();
  private toasts = 0;
  private resuming = false;
  /** A press of ours takes us off the stage; nobody sends us off it. */
  private leaving = false;

  constructor(
    view: ViewStore,
    connection: RoomConnection,
    kept: Shelf,
    token: string,
    words: Words,
    timers: Timers,
  ) {
    this.view = view;
    this.connection = connection;
    this.kept = kept;
    this.keptAs = `room.outbox.${token}`;
    this.words = words;
    this.timers = timers;
    this.view.setState({ outbox: outbox.restored(kept.get(this.keptAs)) });
    connection.onInside = () => void this.resume();
    connection.onNotice = ([name, payload], before) => {
      if (name === "chat.removed") this.removed(payload.message_id, before);
      if (name === "stage.changed") this.stageChanged(before);
      if (name === "chat.mode") this.modeChanged(payload.mode, before);
      if (name === "cta.show") this.unhideCta(payload.cta.cta_id);
    };
  }

  // ---- chat

  async post(text: string): Promise<void> {
    const key = randomKey();
    this.keepOutbox(outbox.queued(this.view.getState().outbox, key, text));
    await this.deliver(key, text);
  }

  /** Resolves to whether the server has it now. */
  async retry(key: string): Promise<boolean> {
    const one = this.view.getState().outbox.find((candidate) => candidate.key === key);
    if (one === undefined) return true;
    this.keepOutbox(outbox.sendingAgain(this.view.getState().outbox, key));
    return this.deliver(key, one.text);
  }

  discard(key: string): void {
    this.keepOutbox(outbox.sent(this.view.getState().outbox, key));
  }

  forgetDeclined(messageId: string): void {
    const { declined } = this.view.getState();
    this.view.setState({ declined: declined.filter((message) => message.message_id !== messageId) });
  }

  private async deliver(key: string, text: string): Promise<boolean> {
    try {
      const message = await this.connection.request("chat.post", { key, text });
      this.delivered(message);
      this.keepOutbox(outbox.sent(this.view.getState().outbox, key));
      return true;
    } catch (error) {
      this.undelivered(key, error);
      return false;
    }
  }

  private undelivered(key: string, error: unknown): void {
    const { outbox: now } = this.view.getState();
    if (error instanceof RequestRefused && error.code !== "too_fast")
      return this.keepOutbox(outbox.refused(now, key, error.message));
    this.keepOutbox(outbox.waiting(now, key));
    const askedMs = error instanceof RequestRefused ? error.retryAfterS * 1_000 : 0;
    this.resumeAfter(Math.max(askedMs, RESEND_MS));
  }

  /** The acknowledgement may come before or after the notice of the same message. */
  private delivered(message: Message): void {
    const { room } = this.view.getState();
    if (room === null) return;
    const known = [...room.messages, ...room.held].some((one) => one.message_id === message.message_id);
    if (known) return;
    const held = message.state === "held" ? [...room.held, message] : room.held;
    const messages = message.state === "published" ? [...room.messages, message] : room.messages;
    this.view.setState({ room: { ...room, held, messages } });
  }

  private removed(messageId: string, before: RoomState): void {
    const { declined, rejecting } = this.view.getState();
    this.view.setState({ rejecting: rejecting.filter((id) => id !== messageId) });
    const mine = before.held.find((message) => message.message_id === messageId);
    if (mine?.author_id !== before.me.person_id) return;
    this.view.setState({ declined: [...declined, mine] });
    this.say(this.words.declined());
  }

  /** Sends what waits, one after the other, until something has to wait again. */
  private async resume(): Promise<void> {
    for (const one of outbox.toResend(this.view.getState().outbox)) if (!(await this.retry(one.key))) return;
  }

  /** While the connection is gone nothing is asked: coming back resumes by itself. */
  private resumeAfter(ms: number): void {
    if (this.resuming || this.view.getState().phase.kind !== "inside") return;
    this.resuming = true;
    this.timers.after(ms, () => {
      this.resuming = false;
      void this.resume();
    });
  }

  private modeChanged(mode: ChatMode, before: RoomState): void {
    if (mode === before.chat_mode) return;
    const after = before.messages.at(-1)?.message_id ?? null;
    this.view.setState({ modeChanges: [...this.view.getState().modeChanges, { mode, after }] });
  }

  private keepOutbox(now: Outbox): void {
    this.view.setState({ outbox: now });
    if (now.length === 0) this.kept.drop(this.keptAs);
    else this.kept.put(this.keptAs, JSON.stringify(now));
  }

  // ---- moderation

  approve(messageId: string): Promise<boolean> {
    return this.ask("chat.approve", { message_id: messageId });
  }

  reject(messageId: string): void {
    if (this.undoable.has(messageId)) return;
    const stop = this.timers.after(UNDO_MS, () => void this.rejectNow(messageId));
    this.undoable.set(messageId, stop);
    this.view.setState({ rejecting: [...this.view.getState().rejecting, messageId] });
  }

  undoReject(messageId: string): void {
    this.undoable.get(messageId)?.();
    this.undoable.delete(messageId);
    this.view.setState({ rejecting: this.view.getState().rejecting.filter((id) => id !== messageId) });
  }

  /** Takes back every rejection that nobody was told of yet. */
  undoRejects(): void {
    for (const messageId of [...this.undoable.keys()]) this.undoReject(messageId);
  }

  /** The page goes: what was rejected is rejected. */
  flush(): void {
    for (const [messageId, stop] of this.undoable) {
      stop();
      void this.rejectNow(messageId);
    }
  }

  private async rejectNow(messageId: string): Promise<void> {
    this.undoable.delete(messageId);
    await this.ask("chat.reject", { message_id: messageId });
    this.view.setState({ rejecting: this.view.getState().rejecting.filter((id) => id !== messageId) });
  }

  setChatMode(mode: ChatMode): Promise<boolean> {
    return this.ask("chat.set_mode", { mode });
  }

  // ---- people and stage

  invite(personId: string): Promise<boolean> {
    return this.ask("stage.invite", { person_id: personId });
  }

  mute(personId: string): Promise<boolean> {
    return this.ask("person.mute", { person_id: personId });
  }

  unmute(personId: string): Promise<boolean> {
    return this.ask("person.unmute", { person_id: personId });
  }

  remove(personId: string): Promise<boolean> {
    return this.ask("person.remove", { person_id: personId });
  }

  sendOffStage(personId: string): Promise<boolean> {
    return this.ask("stage.leave", { person_id: personId });
  }

  async enterStage(): Promise<boolean> {
    const entered = await this.ask("stage.enter", {});
    if (entered) await this.connection.readyToPublish();
    return entered;
  }

  async leaveStage(): Promise<boolean> {
    this.leaving = true;
    await this.connection.devices.allOff();
    const left = await this.ask("stage.leave", {});
    this.leaving = false;
    return left;
  }

  /** Gives the invitation back, so that the team no longer waits. */
  declineInvitation(): Promise<boolean> {
    return this.ask("stage.leave", {});
  }

  /** Switches a device; the first one on brings its owner to the stage. */
  async toggle(device: OwnDevice): Promise<void> {
    const { room } = this.view.getState();
    const onStage = room !== null && isOnStage(room);
    if (!onStage && !this.connection.devices.isOn(device) && !(await this.enterStage())) return;
    await this.connection.switchDevice(device);
  }

  /** Takes the microphone or camera that was just chosen, if one is on. */
  deviceChosen(device: keyof Chosen): Promise<void> {
    return this.connection.devices.choiceChanged(device);
  }

  private stageChanged(before: RoomState): void {
    const { room } = this.view.getState();
    if (room === null || this.leaving) return;
    if (isOnStage(before) && !isOnStage(room)) this.say(this.words.sentOff());
  }

  // ---- the session and its timeline

  startSession(): Promise<boolean> {
    return this.ask("session.start", {});
  }

  endSession(): Promise<boolean> {
    return this.ask("session.end", {});
  }

  takeOver(): Promise<boolean> {
    return this.ask("playback.take_over", {});
  }

  handBack(where: HandBack): Promise<boolean> {
    return this.ask("playback.hand_back", { where });
  }

  skipTo(itemId: string): Promise<boolean> {
    return this.ask("playback.skip_to", { item_id: itemId });
  }

  async extendBuffer(seconds: number): Promise<boolean> {
    const extended = await this.ask("playback.extend_buffer", { seconds });
    if (extended) this.say(this.words.extended(), () => void this.shortenBuffer(seconds));
    return extended;
  }

  private async shortenBuffer(seconds: number): Promise<void> {
    if (await this.ask("playback.shorten_buffer", { seconds })) this.say(this.words.takenBack());
  }

  launchCta(ctaId: string): Promise<boolean> {
    return this.ask("cta.launch", { cta_id: ctaId });
  }

  withdrawCta(ctaId: string): Promise<boolean> {
    return this.ask("cta.withdraw", { cta_id: ctaId });
  }

  /** Puts a CTA away on this page; shown anew it is there again. */
  hideCta(ctaId: string): void {
    this.view.setState({ hiddenCtas: [...this.view.getState().hiddenCtas, ctaId] });
  }

  private unhideCta(ctaId: string): void {
    this.view.setState({ hiddenCtas: this.view.getState().hiddenCtas.filter((id) => id !== ctaId) });
  }

  // ---- sound, sight, coming and going

  setSound(change: Partial<Sound>): void {
    const sound = { ...this.view.getState().sound, ...change };
    this.view.setState({ sound });
    this.kept.put("room.sound", JSON.stringify({ muted: sound.muted, volume: sound.volume }));
  }

  show(slot: number, height: number): void {
    this.connection.show(slot, height);
  }

  leave(): void {
    this.flush();
    this.connection.leave();
  }

  enterAgain(): Promise<void> {
    return this.connection.enterAgain();
  }

  /** Takes back what the toast says was done. */
  undoToast(): void {
    const { toast } = this.view.getState();
    this.dismissToast();
    toast?.undo?.();
  }

  dismissToast(): void {
    this.view.setState({ toast: null });
  }

  /** True when the server did it; otherwise the page says why not. */
  private async ask<Name extends RequestName>(name: Name, payload: Payload<Name>): Promise<boolean> {
    try {
      await this.connection.request(name, payload);
      return true;
    } catch (error) {
      if (error instanceof RequestRefused) this.say(error.message);
      else if (error instanceof RequestLost) this.say(this.words.notSent());
      else throw error;
      return false;
    }
  }

  private say(text: string, undo: (() => void) | null = null): void {
    this.toasts += 1;
    const id = this.toasts;
    this.view.setState({ toast: { id, text, undo } });
    this.timers.after(TOAST_MS, () => {
      if (this.view.getState().toast?.id === id) this.view.setState({ toast: null });
    });
  }
}
