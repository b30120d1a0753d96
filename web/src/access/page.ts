/** What the server says of the page, and the page's own parts. */

export interface PageFacts {
  readonly state: string;
  readonly lang: string;
  readonly starts_at: string | null;
  readonly opens_at: string | null;
  readonly time_zone: string | null;
  readonly on_air: boolean;
  readonly may_publish: boolean;
}

export function pageFacts(document: Document): PageFacts {
  return JSON.parse(document.getElementById("page")?.textContent ?? "{}") as PageFacts;
}

/** The link's secret: the last part of the address. */
export function tokenOf(path: string): string {
  return decodeURIComponent(path.replace(/\/+$/, "").split("/").at(-1) ?? "");
}

export function part(id: string): HTMLElement | null {
  return document.getElementById(id);
}

/** A text that the template left in a data attribute, with its facts. */
export function text(
  element: HTMLElement | null,
  name: string,
  facts: Readonly<Record<string, string>> = {},
): string {
  return (element?.dataset[name] ?? "").replace(/\{(\w+)\}/g, (whole, fact: string) => facts[fact] ?? whole);
}

/** Draws a meter of bars; the result shows a level, 0 to 1. */
export function meter(element: HTMLElement, bars: number): (level: number) => void {
  element.replaceChildren(...Array.from({ length: bars }, () => document.createElement("i")));
  return (level) => {
    const lit = Math.round(Math.min(1, level) * bars);
    for (const [index, bar] of [...element.children].entries()) bar.classList.toggle("on", index < lit);
    if (element.hasAttribute("aria-valuenow"))
      element.setAttribute("aria-valuenow", String(Math.round(level * 100)));
  };
}
