import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { asked, type Shown, type Story, show } from "../../dev/shown";
import * as rooms from "../../dev/snapshots";
import { completeBrowser } from "../../dev/test-browser";
import { NOTHING_OWN } from "../room/view";
import type { StagePerson } from "../wire";

beforeAll(completeBrowser);
afterEach(cleanup);

const selfView = () => screen.getByTestId("self-view").textContent ?? "";

function onStage(story: Story): Story {
  return (setting) => {
    const room = story(setting);
    const { person_id, name } = room.me;
    const mine = {
      person_id,
      name,
      audio_slot: null,
      video_slot: null,
      muted: false,
      shows: "camera",
      speaking: false,
    } as const;
    return { ...room, stage: { ...room.stage, on_stage: [mine] } };
  };
}

describe("who stands on the stage reads what is true of them", () => {
  it.each([
    [
      "before an automated session",
      rooms.waiting,
      "host",
      "Once the session has started, take over to go on air.",
    ],
    ["before an automated session", rooms.waiting, "moderator", "You go on air when a host takes over."],
    ["before a live session", rooms.liveWaiting, "host", "You go on air when the session starts."],
    ["during the film", rooms.automated, "host", "Take over to go on air."],
    ["during the film", rooms.automated, "participant", "You go on air when a host takes over."],
  ] as const)("%s", async (_when, story, role, words) => {
    const { outside } = await show(onStage(story), role);
    expect(selfView()).toContain(`Your camera and microphone are off. ${words}`);
    act(() => outside.view.setState({ own: { ...NOTHING_OWN, microphone: "on" } }));
    expect(selfView()).toContain(`Your microphone is on, your camera off. ${words}`);
    act(() => outside.view.setState({ own: { ...NOTHING_OWN, picture: {} as MediaStream } }));
    expect(selfView()).toContain(`You are ready. ${words}`);
  });

  it.each([
    [rooms.automated, "nobody sees or hears you before a host takes over"],
    [rooms.liveWaiting, "Nobody sees or hears you before the session starts."],
    [rooms.live, "Everyone will see and hear you once you turn on"],
  ] as const)("and so does who is invited to it", async (story, words) => {
    const invited: Story = (setting) => ({
      ...story(setting),
      stage: { on_stage: [], invited: ["camille"] },
    });
    await show(invited, "participant");
    expect(screen.getByTestId("invitation").textContent).toContain(words);
  });
});

describe("the stage", () => {
  it("sees a shared screen whole and large, the others beside it", async () => {
    const sharing: Story = (setting) => {
      const room = rooms.live(setting);
      const [ines, samira] = room.stage.on_stage as [StagePerson, StagePerson];
      return { ...room, stage: { invited: [], on_stage: [samira, { ...ines, shows: "screen" }] } };
    };
    await show(sharing, "participant");
    const large = screen.getAllByTestId("stage-tile").filter((tile) => tile.classList.contains("large"));
    expect(large.map((tile) => tile.dataset.shows)).toEqual(["screen"]);
    expect(large[0]?.textContent).toContain("Inès Caron");
    expect(large[0]?.querySelector("video")?.classList.contains("fills")).toBe(false);
  });

  it("reads why there is no picture of somebody who sends what this browser does not show", async () => {
    const codecs = [{ mimeType: "video/VP8" }];
    vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs }) });
    const inH264: Story = (setting) => {
      const room = rooms.live(setting);
      const [ines, samira] = room.stage.on_stage as [StagePerson, StagePerson];
      const faced = { ...ines, video_slot: 1, needs: "h264" } as const;
      return { ...room, stage: { invited: [], on_stage: [faced, { ...samira, video_slot: 2 }] } };
    };
    await show(inH264, "participant");
    const tiles = screen.getAllByTestId("stage-tile");
    expect(tiles.map((tile) => tile.textContent?.includes("comes in H.264"))).toEqual([true, false]);
    expect(tiles[0]?.querySelector("video")?.hidden).toBe(true);
    codecs.push({ mimeType: "video/H264" });
    cleanup();
    await show(inH264, "participant");
    expect(screen.queryByText(/comes in H.264/)).toBeNull();
    vi.unstubAllGlobals();
  });

  it("sees who speaks, and reads it beside the name", async () => {
    await show(rooms.live, "host");
    const speaks = (tile: HTMLElement) => [tile.textContent, tile.dataset.speaking];
    expect(screen.getAllByTestId("stage-tile").map(speaks)).toEqual([
      [expect.stringContaining("Samira"), "false"],
    ]);
    cleanup();
    await show(rooms.live, "participant");
    expect(screen.getAllByTestId("stage-tile").map((tile) => tile.dataset.speaking)).toEqual([
      "true",
      "false",
    ]);
  });

  it("sees that nobody sees the camera while the screen is shared", async () => {
    const { outside } = await show(rooms.live, "host");
    const own = { ...NOTHING_OWN, camera: "on", screen: "on" } as const;
    act(() => outside.view.setState({ own }));
    const camera = screen.getByRole("button", { name: /nobody sees it while you share the screen/ });
    expect(camera.dataset.on).toBe("false");
  });

  const change = (shown: Shown, on_stage: readonly StagePerson[], invited: readonly string[]) =>
    act(() => shown.outside.room.tell(["stage.changed", { on_stage, invited }]));

  it("an invitation that is declined is given back, and the team is told", async () => {
    const shown = await show(rooms.live, "participant");
    change(shown, [], ["camille"]);
    expect(screen.getByTestId("programme").textContent).toContain("Nobody is on the stage yet");
    await act(async () => fireEvent.click(screen.getByRole("button", { name: "Not now" })));
    expect(asked(shown, "stage.leave")).toEqual([{}]);
    change(shown, [], []);
    expect(screen.queryByTestId("invitation")).toBeNull();
    expect(screen.queryByTestId("toast")).toBeNull();
  });

  it("whoever is sent off it is told so, and who leaves it by a press is not", async () => {
    const shown = await show(onStage(rooms.live), "participant");
    change(shown, [], []);
    expect(screen.getByTestId("toast").textContent).toBe("sent off");
    cleanup();
    const other = await show(onStage(rooms.live), "participant");
    change(other, other.outside.room.snapshot.stage.on_stage, []);
    act(() => fireEvent.click(screen.getByRole("button", { name: "Leave the stage" })));
    change(other, [], []);
    await act(() => other.outside.settle());
    expect(screen.queryByTestId("toast")).toBeNull();
  });

  it("shows whoever the team muted that a microphone that is on reaches nobody", async () => {
    const shown = await show(onStage(rooms.live), "participant");
    const mine = shown.outside.room.snapshot.stage.on_stage.map((one) => ({ ...one, muted: true }));
    change(shown, mine, []);
    act(() => shown.outside.view.setState({ own: { ...NOTHING_OWN, microphone: "on" } }));
    const microphone = screen.getByRole("button", { name: /the team has muted you/ });
    expect(microphone.dataset.on).toBe("false");
  });
});
