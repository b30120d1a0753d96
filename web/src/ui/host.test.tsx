import { act, cleanup, fireEvent, screen, within } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { asked, show } from "../../dev/shown";
import * as rooms from "../../dev/snapshots";
import { completeBrowser } from "../../dev/test-browser";

beforeAll(completeBrowser);
afterEach(cleanup);

describe("a host (ROOM-7)", () => {
  const press = (name: string | RegExp) =>
    act(async () => void fireEvent.click(screen.getByRole("button", { name })));

  it("sees what comes next and when", async () => {
    await show(rooms.automated, "host");
    expect(screen.getByTestId("host-bar").textContent).toMatch(/Next: buffer in 08:0[56]/);
  });

  it("takes over, adds buffer and skips, by keyboard alone", async () => {
    const shown = await show(rooms.automated, "host");
    await act(async () => void fireEvent.keyDown(document.body, { key: "t" }));
    await act(async () => void fireEvent.keyDown(document.body, { key: "b" }));
    act(() => void fireEvent.keyDown(document.body, { key: "k" }));
    await act(async () => void fireEvent.click(screen.getByRole("menuitem", { name: /Guided tour/ })));
    expect(asked(shown, "playback.take_over")).toEqual([{}]);
    expect(asked(shown, "playback.extend_buffer")).toEqual([{ seconds: 30 }]);
    expect(asked(shown, "playback.skip_to")).toEqual([{ item_id: "tour" }]);
  });

  it("acts once for a key that is held, and reads what it did", async () => {
    const shown = await show(rooms.automated, "host");
    await act(async () => void fireEvent.keyDown(document.body, { key: "b" }));
    for (let times = 0; times < 5; times += 1)
      await act(async () => void fireEvent.keyDown(document.body, { key: "b", repeat: true }));
    expect(asked(shown, "playback.extend_buffer")).toEqual([{ seconds: 30 }]);
    expect(screen.getByTestId("toast").textContent).toMatch(/^extended/);
  });

  it("hands back where it was left or where it would be", async () => {
    const shown = await show(rooms.takenOver, "host");
    await press("Hand back");
    await act(
      async () => void fireEvent.click(screen.getByRole("menuitem", { name: "Where it was left, at 12:04" })),
    );
    await press("Hand back");
    await act(
      async () => void fireEvent.click(screen.getByRole("menuitem", { name: "Where it would be by now" })),
    );
    expect(asked(shown, "playback.hand_back")).toEqual([{ where: "left_off" }, { where: "scheduled" }]);
  });

  it("launches a CTA", async () => {
    const shown = await show(rooms.automated, "host");
    await press("Launch a CTA");
    await act(async () => void fireEvent.click(screen.getByRole("menuitem", { name: /Read the guide/ })));
    expect(asked(shown, "cta.launch")).toEqual([{ cta_id: "guide" }]);
  });

  it("ends only after reading for how many people", async () => {
    const shown = await show(rooms.automated, "host");
    await press("End…");
    const dialog = screen.getByRole("dialog", { name: "End the session?" });
    expect(dialog.textContent).toContain("214 people");
    await act(
      async () => void fireEvent.click(within(dialog).getByRole("button", { name: "End the session" })),
    );
    expect(asked(shown, "session.end")).toEqual([{}]);
  });

  it.each(["the key", "the button"])(
    "starts a live session only after reading for whom, by %s",
    async (way) => {
      const shown = await show(rooms.liveWaiting, "host");
      if (way === "the button") await press(/^Start/);
      else act(() => void fireEvent.keyDown(document.body, { key: "g" }));
      expect(asked(shown, "session.start")).toEqual([]);
      const dialog = screen.getByRole("dialog", { name: "Start the session?" });
      expect(dialog.textContent).toMatch(/\d+ people see and hear you/);
      expect(document.activeElement?.textContent).toBe("Cancel");
      await act(
        async () => void fireEvent.click(within(dialog).getByRole("button", { name: "Start the session" })),
      );
      expect(asked(shown, "session.start")).toEqual([{}]);
    },
  );

  it("keeps the shortcuts of a bar that is folded, and reads the question of one that asks", async () => {
    const shown = await show(rooms.automated, "host");
    await press("Fold the host bar");
    await act(async () => void fireEvent.keyDown(document.body, { key: "t" }));
    act(() => void fireEvent.keyDown(document.body, { key: "k" }));
    await act(async () => void fireEvent.click(screen.getByRole("menuitem", { name: /Guided tour/ })));
    act(() => void fireEvent.keyDown(document.body, { key: "e" }));
    expect(asked(shown, "playback.take_over")).toEqual([{}]);
    expect(asked(shown, "playback.skip_to")).toEqual([{ item_id: "tour" }]);
    expect(screen.getByRole("dialog", { name: "End the session?" })).toBeTruthy();
  });

  it("takes buffer that was added back, by the key of the message that tells it", async () => {
    const shown = await show(rooms.automated, "host");
    await act(async () => void fireEvent.keyDown(document.body, { key: "b" }));
    await act(async () => void fireEvent.keyDown(document.body, { key: "z" }));
    expect(asked(shown, "playback.shorten_buffer")).toEqual([{ seconds: 30 }]);
    expect(screen.getByTestId("toast").textContent).toBe("taken back");
    await act(async () => void fireEvent.keyDown(document.body, { key: "z" }));
    expect(asked(shown, "playback.shorten_buffer")).toHaveLength(1);
  });

  it("withdraws a CTA that is on show, from its card and from the menu", async () => {
    const shown = await show(rooms.automated, "host");
    await press("Withdraw");
    await press("Launch a CTA");
    expect(screen.queryByRole("menuitem", { name: "Withdraw “Read the guide”" })).toBeNull();
    await act(
      async () =>
        void fireEvent.click(
          screen.getByRole("menuitem", { name: "Withdraw “Book your hands-on workshop”" }),
        ),
    );
    expect(asked(shown, "cta.withdraw")).toEqual([{ cta_id: "workshop" }, { cta_id: "workshop" }]);
  });

  it("is offered no end before the start, which the server would refuse", async () => {
    await show(rooms.waiting, "host");
    expect(screen.queryByRole("button", { name: "End…" })).toBeNull();
    cleanup();
    await show(rooms.liveWaiting, "host");
    expect(screen.queryByRole("button", { name: "End…" })).toBeNull();
  });

  it("reads the shortcuts with ?", async () => {
    await show(rooms.automated, "host");
    act(() => void fireEvent.keyDown(document.body, { key: "?" }));
    expect(screen.getByRole("dialog", { name: "Keyboard shortcuts" }).textContent).toContain(
      "Take over, hand back",
    );
  });
});
