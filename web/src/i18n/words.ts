/**
 * The catalogue, typed by its keys: a text that is missing, in either language, does not compile or fails a test.
 *
 * `key_one` and `key_other` are a key's plural forms, chosen by `count`.
 */
import en from "./en.json";
import fr from "./fr.json";
import type { Language } from "./language";

export type Key = keyof typeof en;
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}_other` ? Stem : never) : never;
export type Facts = Readonly<Record<string, string | number>>;

export interface Words {
  readonly language: Language;
  (key: Key, facts?: Facts): string;
  count(key: PluralKey, count: number, facts?: Facts): string;
}

const CATALOGUES: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { en, fr };

export function words(language: Language): Words {
  const catalogue = CATALOGUES[language];
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  const say = (key: Key, facts: Facts = {}) => filled(catalogue[key], facts);
  const count = (key: PluralKey, n: number, facts: Facts = {}) => {
    const form: Key = `${key}_${plural.select(n) === "one" ? "one" : "other"}`;
    return filled(catalogue[form], { ...facts, count: number.format(n) });
  };
  return Object.assign(say, { language, count });
}

function filled(text: string, facts: Facts): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(facts[name] ?? whole));
}
