/** Rooms in every state that the stories and tests look at. `server_time` is the present unless said. */
import type { Cta, Message, Person, PlaybackPosition, Role, Snapshot, TimelineView } from "../src/wire";

export interface Setting {
  readonly role: Role;
  readonly nowMs: number;
}

const AT = (nowMs: number, agoS: number) => new Date(nowMs - agoS * 1000).toISOString();

export function person(id: string, name: string, role: Role = "participant"): Person {
  return { person_id: id, name, role };
}

export function message(
  id: string,
  author: Person,
  text: string,
  sentAt: string,
  state: Message["state"] = "published",
  mode: Message["mode"] = "moderated",
): Message {
  return {
    message_id: id,
    author_id: author.person_id,
    author_name: author.name,
    by_team: author.role !== "participant",
    text,
    state,
    sent_at: sentAt,
    mode,
  };
}

export const INES = person("ines", "Inès Caron", "host");
export const THEO = person("theo", "Théo Blanc", "moderator");
export const SAMIRA = person("samira", "Samira El Amrani");
export const YANN = person("yann", "Yann Le Goff");
export const NOE = person("noe", "Noé Martin");
export const CAMILLE = person("camille", "Camille Roy");
const CROWD = [
  SAMIRA,
  YANN,
  NOE,
  CAMILLE,
  person("lea", "Léa Fontaine"),
  person("bo", "Bo"),
  person("amal", "أمل حداد"),
  person("kim", "김하늘"),
  person("max", "Maximiliane Freifrau von Hohenschwangau-Lichtenstein"),
];

export const OFFER: Cta = {
  cta_id: "workshop",
  title: "Book your hands-on workshop",
  text: "Two hours in a small group, 12 places a date",
  label: "Book",
  url: "https://example.org/workshop",
};

export const TIMELINE: TimelineView = {
  items: [
    { item_id: "welcome", title: "Welcome", offset_s: 0, duration_s: 120, buffer_s: 10 },
    { item_id: "film", title: "The film", offset_s: 130, duration_s: 1080, buffer_s: 90 },
    {
      item_id: "tour",
      title: "Guided tour of the new planning board",
      offset_s: 1300,
      duration_s: 360,
      buffer_s: 20,
    },
  ],
  ctas: [OFFER, { ...OFFER, cta_id: "guide", title: "Read the guide" }],
  length_s: 1860,
};

export function automated({ role, nowMs }: Setting): Snapshot {
  const me = { host: INES, moderator: THEO, participant: CAMILLE }[role];
  const team = role !== "participant";
  return {
    session: {
      session_id: "session",
      event_title: "Getting started with the new planning tool",
      title: null,
      room_type: "automated",
      starts_at: AT(nowMs, 724),
      time_zone: "Europe/Paris",
      state: "on_air",
      started_at: AT(nowMs, 724),
      accent: "#0b6a78",
    },
    me: { ...me, may_publish: team, may_moderate: team, may_host: role === "host" },
    people: team ? [INES, THEO, ...CROWD] : [INES, THEO],
    count: 214,
    chat_mode: "moderated",
    messages: [
      message("m1", SAMIRA, "Hello everyone from workshop 2.", AT(nowMs, 300)),
      message(
        "m2",
        INES,
        "Welcome. The film lasts eighteen minutes, I answer here while it plays.",
        AT(nowMs, 240),
      ),
      message("m3", YANN, "Sound is perfect, thank you.", AT(nowMs, 180)),
      message("m4", NOE, "Do typical weeks replace the templates?", AT(nowMs, 100)),
    ],
    held: team
      ? [
          message(
            "h1",
            NOE,
            "Is the planning visible to the whole team or only to whoever is in charge?",
            AT(nowMs, 130),
            "held",
          ),
          message("h2", SAMIRA, "Can absences be imported from a spreadsheet?", AT(nowMs, 84), "held"),
          message("h3", CAMILLE, "And if two people change the same week?", AT(nowMs, 31), "held"),
          message("h4", YANN, "Sound is very good here, thanks!", AT(nowMs, 8), "held"),
        ]
      : [message("h3", CAMILLE, "And if two people change the same week?", AT(nowMs, 31), "held")],
    ctas: [OFFER],
    stage: { on_stage: [], invited: [] },
    slots: { audio: 4, video: 4 },
    playback: playing(nowMs),
    timeline: role === "host" ? TIMELINE : null,
    server_time: AT(nowMs, 0),
  };
}

export function playing(nowMs: number): PlaybackPosition {
  return {
    item_id: "film",
    position_s: 724,
    item_position_s: 594,
    left_s: 486,
    state: "playing",
    recorded: true,
    length_s: 1860,
    taken_over_by: null,
    server_time: AT(nowMs, 0),
  };
}

export function waiting(setting: Setting): Snapshot {
  const room = automated(setting);
  const startsAt = AT(setting.nowMs, -432);
  return {
    ...room,
    session: { ...room.session, state: "scheduled", starts_at: startsAt, started_at: null },
    playback: {
      ...playing(setting.nowMs),
      item_id: null,
      position_s: 0,
      item_position_s: 0,
      left_s: null,
      state: "waiting",
      recorded: false,
    },
    ctas: [],
    messages: [],
    held: [],
    chat_mode: "open",
    count: 37,
  };
}

export function buffering(setting: Setting): Snapshot {
  const room = automated(setting);
  return {
    ...room,
    playback: {
      ...playing(setting.nowMs),
      position_s: 1242,
      item_position_s: 1080,
      left_s: 58,
      state: "buffer",
      recorded: false,
    },
    ctas: [],
  };
}

/** The buffer after which nothing comes. */
export function endingSoon(setting: Setting): Snapshot {
  const room = buffering(setting);
  const playback = { ...playing(setting.nowMs), ...room.playback, position_s: 1850, left_s: 10 };
  return { ...room, playback };
}

export function takenOver(setting: Setting): Snapshot {
  const room = automated(setting);
  return {
    ...room,
    playback: {
      ...playing(setting.nowMs),
      state: "paused",
      recorded: false,
      left_s: null,
      taken_over_by: INES.name,
    },
    stage: {
      on_stage: [
        {
          person_id: "ines",
          name: INES.name,
          audio_slot: 1,
          video_slot: 1,
          muted: false,
          shows: "camera",
          speaking: true,
        },
      ],
      invited: [],
    },
    ctas: [],
  };
}

export function live(setting: Setting): Snapshot {
  const room = automated(setting);
  return {
    ...room,
    session: { ...room.session, room_type: "live" },
    playback: null,
    timeline: null,
    chat_mode: "open",
    held: [],
    ctas: [],
    stage: {
      on_stage: [
        {
          person_id: "ines",
          name: INES.name,
          audio_slot: 1,
          video_slot: 1,
          muted: false,
          shows: "camera",
          speaking: true,
        },
        {
          person_id: "samira",
          name: SAMIRA.name,
          audio_slot: 2,
          video_slot: null,
          muted: true,
          shows: "camera",
          speaking: false,
        },
      ],
      invited: [NOE.person_id],
    },
  };
}

export function liveWaiting(setting: Setting): Snapshot {
  const room = live(setting);
  return {
    ...room,
    session: { ...room.session, state: "scheduled", started_at: null, starts_at: AT(setting.nowMs, 70) },
    stage: { on_stage: [], invited: [] },
    messages: [],
  };
}
