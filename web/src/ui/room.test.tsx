import { act, cleanup, fireEvent, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { asked, memory, type Story, show } from "../../dev/shown";
import * as rooms from "../../dev/snapshots";
import { completeBrowser } from "../../dev/test-browser";
import type { Role } from "../wire";

beforeAll(completeBrowser);
afterEach(cleanup);

const STORIES: readonly (readonly [string, Story])[] = [
  ["playing", rooms.automated],
  ["waiting", rooms.waiting],
  ["buffer", rooms.buffering],
  ["taken over", rooms.takenOver],
  ["live", rooms.live],
  ["live, not started", rooms.liveWaiting],
];

/** Rules about what is painted; a real browser checks those. */
const UNSEEN = { "color-contrast": { enabled: false }, "label-content-name-mismatch": { enabled: false } };

describe.each(["host", "moderator", "participant"] satisfies Role[])(
  "a screen reader finds no fault (PLUS-10), %s",
  (role) => {
    it.each(STORIES)("%s", async (_name, story) => {
      await show(story, role, role === "host" ? "fr" : "en");
      const { violations } = await axe.run(document.body, {
        rules: UNSEEN,
      });
      expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
    });
  },
);

describe("a participant", () => {
  it("sees that the programme is recorded and how many are really here (PLUS-3)", async () => {
    await show(rooms.automated, "participant");
    expect(screen.getByTestId("picture-state").textContent).toBe("Recorded");
    expect(screen.getByTestId("count").textContent).toBe("214 people");
  });

  it("reads in a buffer that the programme goes on, and in the last one that the session ends", async () => {
    await show(rooms.buffering, "participant");
    expect(screen.getByTestId("programme").textContent).toContain("The programme goes on in");
    cleanup();
    await show(rooms.endingSoon, "participant");
    expect(screen.getByTestId("programme").textContent).toContain("The session ends in");
  });

  it("is offered no camera, microphone, queue or host bar", async () => {
    await show(rooms.automated, "participant");
    expect(screen.queryByRole("button", { name: /camera|microphone|share/i })).toBeNull();
    expect(screen.queryByRole("tab", { name: /queue/i })).toBeNull();
    expect(screen.queryByTestId("host-bar")).toBeNull();
  });

  it("is offered a camera once invited to the stage and there by their own press", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.room.tell(["stage.changed", { on_stage: [], invited: ["camille"] }]));
    await act(async () => fireEvent.click(screen.getByRole("button", { name: "Come on stage" })));
    expect(asked(shown, "stage.enter")).toEqual([{}]);
    expect(screen.getByRole("button", { name: "Turn camera on" })).toBeTruthy();
  });

  it("sees invitations, offers and what was refused in full screen too", async () => {
    const filled: Element[] = [];
    Object.defineProperty(document, "fullscreenEnabled", { configurable: true, value: true });
    Object.defineProperty(document, "fullscreenElement", { configurable: true, value: null });
    HTMLElement.prototype.requestFullscreen = async function (this: HTMLElement) {
      filled.push(this);
    };
    const shown = await show(rooms.automated, "participant");
    act(() => fireEvent.keyDown(document.body, { key: "f" }));
    act(() => shown.outside.room.tell(["stage.changed", { on_stage: [], invited: ["camille"] }]));
    act(() => shown.outside.view.setState({ toast: { id: 1, text: "No.", undo: null }, transport: "none" }));
    expect(filled).toHaveLength(1);
    for (const one of ["programme", "invitation", "cta", "toast"])
      expect(filled[0]?.contains(screen.getByTestId(one))).toBe(true);
  });

  it("sees their held message as theirs alone", async () => {
    await show(rooms.automated, "participant");
    const held = screen.getByTestId("held-message");
    expect(held.textContent).toContain("Waiting, only you see this");
    expect(held.textContent).toContain("And if two people change the same week?");
  });

  it("sends with Enter, and keeps the draft over a reload until then", async () => {
    const kept = memory();
    const shown = await show(rooms.automated, "participant", "en", kept);
    const field = screen.getByRole("textbox", { name: "Your message" });
    fireEvent.change(field, { target: { value: "Half a thought" } });
    cleanup();
    await show(rooms.automated, "participant", "en", kept);
    const again = screen.getByRole("textbox", { name: "Your message" });
    expect(again).toHaveProperty("value", "Half a thought");
    await act(async () => fireEvent.keyDown(again, { key: "Enter" }));
    expect(again).toHaveProperty("value", "");
    expect(shown.prefer.draft()).toBe("");
    expect(screen.getAllByTestId("held-message").at(-1)?.textContent).toContain("Half a thought");
  });

  it("cannot write while the chat is closed, and reads why", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.room.tell(["chat.mode", { mode: "none" }]));
    expect(screen.getByRole("textbox", { name: "Your message" })).toHaveProperty("disabled", true);
    expect(screen.getAllByText("The chat is closed.").length).toBeGreaterThan(0);
  });

  it("opens a CTA in a new window and can hide it until it is launched again", async () => {
    const shown = await show(rooms.automated, "participant");
    const link = screen.getByRole("link", { name: /Book/ });
    expect(link.getAttribute("href")).toBe("https://example.org/workshop");
    expect(link.getAttribute("rel")).toContain("noopener");
    fireEvent.click(screen.getByRole("button", { name: "Hide this offer" }));
    expect(screen.queryByTestId("cta")).toBeNull();
    act(() => shown.outside.room.tell(["room.snapshot", shown.outside.room.snapshot]));
    expect(screen.queryByTestId("cta")).toBeNull();
    act(() => shown.outside.room.tell(["cta.show", { cta: rooms.OFFER }]));
    expect(screen.getByTestId("cta")).toBeTruthy();
  });

  it("never gets a link that is not https", async () => {
    const bad: Story = (setting) => ({
      ...rooms.automated(setting),
      ctas: [{ ...rooms.OFFER, url: "javascript:alert(1)" }],
    });
    await show(bad, "participant");
    expect(screen.getByTestId("cta")).toBeTruthy();
    expect(screen.queryByRole("link", { name: /Book/ })).toBeNull();
  });

  it("gets one large button where the browser starts without sound", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.desk.setSound({ blocked: true }));
    expect(screen.getByTestId("film")).toHaveProperty("muted", true);
    fireEvent.click(screen.getByRole("button", { name: "Turn sound on" }));
    expect(screen.getByTestId("film")).toHaveProperty("muted", false);
    expect(screen.queryByRole("button", { name: "Turn sound on" })).toBeNull();
  });

  it("reads that the connection is lost and what still works", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.room.drop());
    expect(screen.getByTestId("connection-lost").textContent).toContain("Connection lost, coming back…");
  });

  it("reads on which device the seat is now, and may continue here", async () => {
    const shown = await show(rooms.automated, "participant", "fr");
    const at = "2026-12-03T13:02:00Z";
    act(() => shown.outside.room.tell(["seat.moved", { device: "Firefox sous Windows", at }]));
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(
      "Vous suivez maintenant sur un autre appareil",
    );
    expect(screen.getByTestId("moved-to").textContent).toBe("Firefox sous Windows");
    expect(screen.getByText(/^depuis \d/)).toBeTruthy();
    await act(async () => fireEvent.click(screen.getByRole("button", { name: "Continuer ici" })));
    expect(shown.outside.joins).toEqual(["take_over"]);
  });

  it("shows a host the way to the chat log once the session is over, and nobody else", async () => {
    for (const role of ["host", "moderator", "participant"] as const) {
      const shown = await show(rooms.automated, role);
      act(() => shown.outside.room.tell(["seat.removed", { reason: "session_over" }]));
      const link = screen.queryByRole("link", { name: "Open the chat log" });
      expect(link?.getAttribute("href")).toBe(role === "host" ? window.location.pathname : undefined);
      cleanup();
    }
  });

  it("who was removed is told so and offered no way back", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.room.tell(["seat.removed", { reason: "removed" }]));
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(
      "You have been removed from this session",
    );
    expect(screen.queryByRole("button")).toBeNull();
  });
});

describe("a moderator", () => {
  const keys = (...all: readonly string[]) => {
    for (const key of all) fireEvent.keyDown(document.activeElement ?? document.body, { key });
  };

  it("approves with A, and the next message is at hand", async () => {
    const shown = await show(rooms.automated, "moderator");
    await act(async () => keys("a"));
    expect(asked(shown, "chat.approve")).toEqual([{ message_id: "h1" }]);
    expect(screen.getAllByTestId("queue-item")[0]?.getAttribute("aria-current")).toBe("true");
  });

  it("moves with the arrows and rejects with R, which Z takes back", async () => {
    const shown = await show(rooms.automated, "moderator");
    act(() => screen.getAllByTestId("queue-item")[0]?.focus());
    act(() => keys("ArrowDown"));
    act(() => keys("r"));
    expect(screen.getAllByTestId("queue-item")).toHaveLength(3);
    expect(screen.getByText("Samira El Amrani's message rejected")).toBeTruthy();
    act(() => keys("z"));
    expect(screen.getAllByTestId("queue-item")).toHaveLength(4);
    expect(asked(shown, "chat.reject")).toEqual([]);
  });

  it("approves nothing that was written to the team alone, whatever the mode is by now (AUT-30)", async () => {
    const mixed: Story = (setting) => {
      const room = rooms.automated(setting);
      return {
        ...room,
        held: room.held.map((one) => (one.message_id < "h3" ? { ...one, mode: "reply_later" } : one)),
      };
    };
    const shown = await show(mixed, "moderator");
    const [first, , third] = screen.getAllByTestId("queue-item");
    expect(first?.textContent).toContain("Written to the team alone");
    expect(within(first as HTMLElement).queryByRole("button")).toBeNull();
    expect(within(third as HTMLElement).getByRole("button", { name: /Approve/ })).toBeTruthy();
    await act(async () => void fireEvent.click(screen.getByRole("button", { name: /Approve all/ })));
    expect(asked(shown, "chat.approve")).toEqual([{ message_id: "h3" }, { message_id: "h4" }]);
  });

  it("has the first message that can be approved at hand", async () => {
    const mixed: Story = (setting) => {
      const room = rooms.automated(setting);
      const [first, ...others] = room.held;
      return { ...room, held: first === undefined ? [] : [{ ...first, mode: "reply_later" }, ...others] };
    };
    const shown = await show(mixed, "moderator");
    await act(async () => keys("a"));
    expect(asked(shown, "chat.approve")).toEqual([{ message_id: "h2" }]);
  });

  it("does not approve by typing an A in the chat", async () => {
    const shown = await show(rooms.automated, "moderator");
    fireEvent.click(screen.getByRole("tab", { name: "Chat" }));
    const field = screen.getByRole("textbox", { name: "Your message" });
    fireEvent.keyDown(field, { key: "a" });
    expect(asked(shown, "chat.approve")).toEqual([]);
  });

  it("can switch single keys off", async () => {
    const shown = await show(rooms.automated, "moderator");
    shown.prefer.setShortcuts(false);
    await act(async () => keys("a"));
    expect(asked(shown, "chat.approve")).toEqual([]);
  });

  it("changes the chat mode", async () => {
    const shown = await show(rooms.automated, "moderator");
    fireEvent.click(screen.getByRole("tab", { name: "Chat" }));
    await act(async () =>
      fireEvent.change(screen.getByTestId("chat-mode"), { target: { value: "reply_later" } }),
    );
    expect(asked(shown, "chat.set_mode")).toEqual([{ mode: "reply_later" }]);
  });

  it("removes somebody only after reading what it means", async () => {
    const shown = await show(rooms.automated, "moderator");
    fireEvent.click(screen.getByRole("tab", { name: /People/ }));
    fireEvent.click(screen.getByRole("button", { name: "Actions for Yann Le Goff" }));
    fireEvent.click(screen.getByRole("menuitem", { name: "Remove…" }));
    expect(asked(shown, "person.remove")).toEqual([]);
    const dialog = screen.getByRole("dialog", { name: "Remove Yann Le Goff?" });
    expect(dialog.textContent).toContain("cannot come back with the same link");
    await act(async () => fireEvent.click(within(dialog).getByRole("button", { name: "Remove" })));
    expect(asked(shown, "person.remove")).toEqual([{ person_id: "yann" }]);
  });

  it("is offered nothing to do to a host, which the server would refuse", async () => {
    await show(rooms.automated, "moderator");
    fireEvent.click(screen.getByRole("tab", { name: /People/ }));
    expect(screen.queryByRole("button", { name: "Actions for Inès Caron" })).toBeNull();
    expect(screen.getByRole("button", { name: "Actions for Yann Le Goff" })).toBeTruthy();
    cleanup();
    await show(rooms.automated, "host");
    fireEvent.click(screen.getByRole("tab", { name: /People/ }));
    expect(screen.getByRole("button", { name: "Actions for Théo Blanc" })).toBeTruthy();
  });

  it("mutes, and lets be heard again, whoever is on the stage", async () => {
    const shown = await show(rooms.live, "moderator");
    fireEvent.click(screen.getByRole("tab", { name: /People/ }));
    fireEvent.click(screen.getByRole("button", { name: "Actions for Samira El Amrani" }));
    await act(async () => fireEvent.click(screen.getByRole("menuitem", { name: "Let them be heard" })));
    expect(asked(shown, "person.unmute")).toEqual([{ person_id: "samira" }]);
  });
});

describe("the language", () => {
  it("changes in the room at once, for screen readers too", async () => {
    await show(rooms.automated, "participant");
    fireEvent.click(screen.getByRole("button", { name: "Settings" }));
    fireEvent.change(screen.getByRole("combobox", { name: "Language" }), { target: { value: "fr" } });
    expect(document.documentElement.lang).toBe("fr");
    expect(screen.getByTestId("count").textContent).toBe("214 personnes");
  });
});
