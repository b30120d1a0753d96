/** Drawings of 16 by 16. An icon stands beside words, or its button carries an accessible name and a tooltip. */
import type { ReactNode } from "react";

const PATHS = {
  check: <path d="m3 8.5 3.3 3.3L13 4.5" />,
  x: <path d="m4 4 8 8m0-8-8 8" />,
  plus: <path d="M8 3v10M3 8h10" />,
  chevron: <path d="m4 6 4 4 4-4" />,
  up: <path d="m4 10 4-4 4 4" />,
  arrow: <path d="M3 8h10M9 4l4 4-4 4" />,
  send: <path d="M8 13.5v-11M3.5 7 8 2.5 12.5 7" />,
  more: (
    <g fill="currentColor" stroke="none">
      <circle cx="8" cy="3.25" r="1.35" />
      <circle cx="8" cy="8" r="1.35" />
      <circle cx="8" cy="12.75" r="1.35" />
    </g>
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.25" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>
  ),
  sound: <path d="M2 6v4h2.5L8 13V3L4.5 6zM10.7 5.8a3.2 3.2 0 0 1 0 4.4M12.7 3.8a6 6 0 0 1 0 8.4" />,
  silent: <path d="M2 6v4h2.5L8 13V3L4.5 6zM11 6.2l3.6 3.6m0-3.6L11 9.8" />,
  full: <path d="M2 5.5V2h3.5M10.5 2H14v3.5M14 10.5V14h-3.5M5.5 14H2v-3.5" />,
  small: <path d="M5.5 2v3.5H2M14 5.5h-3.5V2M10.5 14v-3.5H14M2 10.5h3.5V14" />,
  leave: <path d="M9.5 2.5H3.5v11h6M7 8h7m-2.5-2.5L14 8l-2.5 2.5" />,
  mic: (
    <>
      <rect x="5.75" y="1.75" width="4.5" height="7.5" rx="2.25" />
      <path d="M3 7.5a5 5 0 0 0 10 0M8 12.5v2" />
    </>
  ),
  micOff: (
    <>
      <path d="M10.25 6V4A2.25 2.25 0 0 0 6 3M5.75 5.75V7A2.25 2.25 0 0 0 9 8.95M3 7.5a5 5 0 0 0 7.6 4.2M12.6 9.4c.26-.6.4-1.2.4-1.9M8 12.5v2" />
      <path d="m2.5 2.5 11 11" />
    </>
  ),
  cam: (
    <>
      <rect x="1.5" y="4" width="9" height="8" rx="1.75" />
      <path d="m10.5 7.2 4-2.2v6l-4-2.2" />
    </>
  ),
  camOff: (
    <>
      <path d="M6 4h2.75c.97 0 1.75.78 1.75 1.75v4.5M9.2 12H3.25c-.97 0-1.75-.78-1.75-1.75v-4.5c0-.6.3-1.14.77-1.45M10.5 7.2l4-2.2v6" />
      <path d="m2.5 2.5 11 11" />
    </>
  ),
  screen: (
    <>
      <rect x="1.75" y="2.75" width="12.5" height="8.5" rx="1.5" />
      <path d="M5 14h6M8 9V5.25M6.2 6.8 8 5l1.8 1.8" />
    </>
  ),
  skip: <path d="M3 3.5v9l6.5-4.5zM12.5 3.5v9" />,
  tag: (
    <>
      <path d="M8.6 2H14v5.4l-6.6 6.6L2 8.6z" />
      <path d="M11 5v.1" />
    </>
  ),
  chat: <path d="M2 3.5h12v8H7.5L4.5 14v-2.5H2z" />,
  panel: (
    <>
      <rect x="1.75" y="2.75" width="12.5" height="10.5" rx="1.5" />
      <path d="M10 2.75v10.5" />
    </>
  ),
  settings: (
    <>
      <path d="M2 4.5h6.5M12 4.5h2M2 11.5h2M7.5 11.5H14" />
      <circle cx="10.25" cy="4.5" r="1.75" />
      <circle cx="5.75" cy="11.5" r="1.75" />
    </>
  ),
  warn: <path d="M8 2 1.5 13.5h13zM8 6.5v3.2M8 11.6v.1" />,
  clock: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 4.8V8l2.2 1.6" />
    </>
  ),
  laptop: (
    <>
      <rect x="3" y="3" width="10" height="7.5" rx="1.25" />
      <path d="M1.5 13h13" />
    </>
  ),
  phone: (
    <>
      <rect x="4.5" y="1.5" width="7" height="13" rx="1.75" />
      <path d="M7.3 12.3h1.4" />
    </>
  ),
  out: <path d="M9 3h4v4M13 3 7.5 8.5M11.5 9.5V13h-8.5V4.5H6.5" />,
  user: (
    <>
      <circle cx="8" cy="5.25" r="2.75" />
      <path d="M2.75 14c.5-3 2.5-4.5 5.25-4.5s4.75 1.500 5.25 4.500" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, large = "" }: { readonly name: IconName; readonly large?: "" | "large" }) {
  return (
    <svg className={large === "" ? "i" : "i i-l"} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  );
}

/** One glyph a state: disc (on air), reels (recorded), hatched box (buffer), dashed ring, bars, square, struck ring. */
const GLYPHS = {
  air: (
    <>
      <circle className="halo" cx="8" cy="8" r="6.5" strokeWidth="1" />
      <circle fill="currentColor" stroke="none" cx="8" cy="8" r="4" />
    </>
  ),
  rec: (
    <>
      <circle cx="4.5" cy="7.5" r="2.75" />
      <circle cx="11.5" cy="7.5" r="2.75" />
      <path d="M4.5 10.25h7" />
    </>
  ),
  buffer: (
    <>
      <rect x="3" y="3" width="10" height="10" rx="1" />
      <path d="m3.500 9 5.500-5.500M4.500 12.500l8-8M8.500 12.800l4.200-4.200" strokeWidth="1" />
    </>
  ),
  wait: <circle cx="8" cy="8" r="4.5" strokeDasharray="2 2.7" />,
  pause: <path d="M5.5 4v8M10.5 4v8" strokeWidth="2.2" />,
  end: <rect x="4" y="4" width="8" height="8" rx="1" fill="currentColor" stroke="none" />,
  cancel: (
    <>
      <circle cx="8" cy="8" r="4.5" />
      <path d="m4.8 11.2 6.400-6.400" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type GlyphName = keyof typeof GLYPHS;

export function Glyph({ name }: { readonly name: GlyphName }) {
  return (
    <svg className="g" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {GLYPHS[name]}
    </svg>
  );
}
