/** People in the order in which they are listed: hosts, moderators, then everybody by name. */
import type { Person, Role } from "../wire";

const RANK: Readonly<Record<Role, number>> = { host: 0, moderator: 1, participant: 2 };

export function listed(people: readonly Person[], language: string): readonly Person[] {
  const byName = new Intl.Collator(language, { sensitivity: "base", numeric: true });
  return [...people].sort((a, b) => RANK[a.role] - RANK[b.role] || byName.compare(a.name, b.name));
}

export function found(people: readonly Person[], words: string): readonly Person[] {
  const sought = folded(words.trim());
  return sought === "" ? people : people.filter((person) => folded(person.name).includes(sought));
}

/** Two letters for an avatar; works for any script. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters =
    words.length > 1 ? [first(words[0]), first(words.at(-1))] : [...(words[0] ?? "")].slice(0, 2);
  return letters.join("").toLocaleUpperCase();
}

function first(word: string | undefined): string {
  return [...(word ?? "")][0] ?? "";
}

function folded(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
