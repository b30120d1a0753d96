import type { CSSProperties } from "react";

/** The organiser's colour; anything that is not one leaves the product's own. */
export function eventColour(accent: string): CSSProperties {
  return /^#[0-9a-f]{6}$/i.test(accent) ? ({ "--event": accent } as CSSProperties) : {};
}
