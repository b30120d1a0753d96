/** Shows a room's page in jsdom, with everything outside of it played. */
import { act, render } from "@testing-library/react";
import { shelf } from "../src/connection/device";
import type { Language } from "../src/i18n/language";
import { RoomProvider } from "../src/ui/context";
import { preferences, type ViewPreferences } from "../src/ui/preferences";
import { RoomPage } from "../src/ui/Room";
import type { Role, Snapshot } from "../src/wire";
import { Outside } from "./fake-outside";
import type { Setting } from "./snapshots";

export const NOW = Date.parse("2026-12-03T13:12:04Z");

export type Story = (setting: Setting) => Snapshot;

export interface Shown {
  readonly outside: Outside;
  readonly prefer: ViewPreferences;
}

export function memory() {
  return shelf(() => {
    throw new Error("nothing is stored");
  });
}

export async function show(
  story: Story,
  role: Role,
  language: Language = "en",
  kept = memory(),
): Promise<Shown> {
  const outside = new Outside(story({ role, nowMs: NOW }));
  const prefer = preferences(memory(), kept, "token");
  render(
    <RoomProvider
      view={outside.view}
      desk={outside.desk}
      preferences={prefer}
      language={language}
      onLanguage={() => {}}
    >
      <RoomPage />
    </RoomProvider>,
  );
  await act(() => outside.enter());
  return { outside, prefer };
}

export const asked = ({ outside }: Shown, name: string) =>
  outside.room.asked.filter(([one]) => one === name).map(([, payload]) => payload);
