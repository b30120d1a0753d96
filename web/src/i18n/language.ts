/** The languages a person may read, and theirs. */
export type Language = "en" | "fr";

export const LANGUAGES: readonly Language[] = ["en", "fr"];

export function asLanguage(text: string): Language {
  return text.toLowerCase().startsWith("fr") ? "fr" : "en";
}

/** A time of day as it is written: 14:02, 14 h 02. */
export function timeOfDay(instant: number, language: Language, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const parts = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...zone,
  }).formatToParts(instant);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return language === "fr" ? `${of("hour")}\u00a0h\u00a0${of("minute")}` : `${of("hour")}:${of("minute")}`;
}

/** A length as a clock shows it: 00:42, 12:04, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}
