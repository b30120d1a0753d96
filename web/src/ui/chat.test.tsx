import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { NOW, type Story, show } from "../../dev/shown";
import * as rooms from "../../dev/snapshots";
import { completeBrowser } from "../../dev/test-browser";

beforeAll(completeBrowser);
afterEach(cleanup);

describe("who follows the chat", () => {
  it("sees how many messages came while the chat was out of sight, wherever it is opened from", async () => {
    const shown = await show(rooms.automated, "participant");
    const chat = () => screen.getByRole("tab", { name: /Chat/ }).textContent;
    const arrives = (id: string, author = rooms.YANN) =>
      act(() => {
        const message = rooms.message(id, author, "New", new Date(NOW).toISOString());
        shown.outside.room.tell(["chat.message", { message }]);
      });
    arrives("n1");
    expect(chat()).toBe("Chat");
    fireEvent.click(screen.getByRole("tab", { name: /People/ }));
    arrives("n2");
    arrives("n3", rooms.CAMILLE);
    expect(chat()).toContain("1 new message");
    fireEvent.click(screen.getByRole("tab", { name: /Chat/ }));
    expect(chat()).toBe("Chat");
    for (const fold of screen.getAllByRole("button", { name: "Fold the panel away" }).slice(0, 1))
      fireEvent.click(fold);
    arrives("n4");
    arrives("n5");
    fireEvent.click(
      screen.getAllByRole("button", { name: "Open the chat panel (2 new messages)" })[0] as HTMLElement,
    );
    expect(chat()).toBe("Chat");
  });

  it("reads in the chat from where on messages are read by others than before", async () => {
    const shown = await show(rooms.automated, "participant");
    act(() => shown.outside.room.tell(["chat.mode", { mode: "reply_later" }]));
    act(() => shown.outside.room.tell(["chat.mode", { mode: "reply_later" }]));
    const later = rooms.message("n1", rooms.YANN, "Later", new Date(NOW).toISOString());
    act(() => shown.outside.room.tell(["chat.message", { message: later }]));
    const lines = [...screen.getByTestId("chat-log").children].map((line) => line.textContent ?? "");
    const at = lines.findIndex((line) => line.startsWith("From now on only the team reads messages"));
    expect(screen.getAllByTestId("mode-change")).toHaveLength(1);
    expect(lines[at - 1]).toContain("templates?");
    expect(lines[at + 1]).toContain("Later");
  });

  it("reads of a message that waits whether it is for its turn or for the connection", async () => {
    const shown = await show(rooms.automated, "participant");
    shown.outside.room.tooFast = 1;
    await act(() => shown.outside.desk.post("Quick"));
    expect(screen.getByTestId("outgoing-message").textContent).toContain("Sending in a moment");
    act(() => shown.outside.room.drop());
    expect(screen.getByTestId("outgoing-message").textContent).toContain("Not sent yet");
  });

  it("sees that a message for the team stays with the team when the chat mode changes (AUT-30)", async () => {
    const later: Story = (setting) => {
      const room = rooms.automated(setting);
      return { ...room, held: room.held.map((one) => ({ ...one, mode: "reply_later" })) };
    };
    await show(later, "participant");
    expect(screen.getByTestId("held-message").textContent).toContain("With the team, who answer after");
  });
});
