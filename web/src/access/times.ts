/** The visitor's own time, large; the host's beneath it where it differs. */
import { asLanguage, type Language, timeOfDay } from "../i18n/language";
import { text } from "./page";

export interface Times {
  readonly day: string;
  readonly mine: string;
  readonly myCity: string;
  readonly theirs: string | null;
  readonly theirCity: string;
}

export function timesOf(startsAt: number, hostZone: string, myZone: string, language: Language): Times {
  const mine = timeOfDay(startsAt, language, myZone);
  const theirs = timeOfDay(startsAt, language, hostZone);
  const differs = dayOf(startsAt, myZone, "en") !== dayOf(startsAt, hostZone, "en") || mine !== theirs;
  const theirDay = dayOf(startsAt, hostZone, language);
  const day = dayOf(startsAt, myZone, language);
  const otherDay = day === theirDay ? "" : `${theirDay}, `;
  return {
    day,
    mine,
    myCity: city(myZone),
    theirs: differs ? `${otherDay}${theirs}` : null,
    theirCity: city(hostZone),
  };
}

export function drawTimes(element: HTMLElement, language: string): void {
  const startsAt = Date.parse(element.dataset.startsAt ?? "");
  const hostZone = element.dataset.zone ?? "UTC";
  if (Number.isNaN(startsAt)) return;
  const myZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const times = timesOf(startsAt, hostZone, myZone, asLanguage(language));
  const list = document.createElement("dl");
  list.append(...line("mine", times.mine, startsAt, text(element, "mine", { city: times.myCity })));
  if (times.theirs !== null) {
    list.append(
      ...line("theirs", times.theirs, startsAt, text(element, "theirs", { city: times.theirCity })),
    );
  }
  const day = document.createElement("p");
  day.className = "strong";
  day.textContent = times.day;
  element.replaceChildren(day, list);
}

function line(kind: string, time: string, startsAt: number, words: string): readonly HTMLElement[] {
  const term = document.createElement("dt");
  const stamp = document.createElement("time");
  const detail = document.createElement("dd");
  term.className = `${kind} nowrap`;
  stamp.dateTime = new Date(startsAt).toISOString();
  stamp.textContent = time;
  term.append(stamp);
  detail.textContent = words;
  return [term, detail];
}

function dayOf(instant: number, timeZone: string, language: Language): string {
  const words = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    weekday: "long",
    day: "numeric",
    month: "long",
    timeZone,
  }).format(instant);
  return words.charAt(0).toLocaleUpperCase(language) + words.slice(1);
}

function city(zone: string): string {
  return zone.split("/").at(-1)?.replaceAll("_", " ") ?? zone;
}
