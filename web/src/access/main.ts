/**
 * The access page's script. Opening the page takes nothing; a press takes the seat and brings the room in.
 *
 *     early ──opens──► ready ──press──► joining ──► the room
 *       └─press: let me in when it opens ─┘    └──► taken (another device) ──press──► joining
 *
 * A reload of a tab in which Join was pressed resumes without another press.
 */
import { browserShelf, deviceKey, pressMark, tabShelf } from "../connection/device";
import { type Grant, type Joined, joiner, type TakeOver } from "../connection/join";
import { asLanguage, clock, type Language, timeOfDay } from "../i18n/language";
import { cameraCheck, networkCheck, soundCheck } from "./check";
import { type PageFacts, pageFacts, part, text, tokenOf } from "./page";
import { drawTimes } from "./times";
import "../ui/tokens.css";
import "../ui/base.css";
import "../ui/parts.css";
import "./access.css";

const facts: PageFacts = pageFacts(document);
const token = tokenOf(location.pathname);
const mark = pressMark(tabShelf, token);
let language = asLanguage(facts.lang);
const join = joiner(token, deviceKey(browserShelf), () => language, fetch.bind(window));
const room = () => import("../enter");

const button = part("join") as HTMLButtonElement | null;
let open = facts.state === "open";
let armed = false;
let entering = false;
let aheadMs = 0;
let releaseDevices = () => {};
let ticking: ReturnType<typeof setInterval> | undefined;

const times = part("times");
if (times !== null) drawTimes(times, facts.lang);
if (button !== null) start(button);

function start(press: HTMLButtonElement): void {
  if (typeof RTCPeerConnection !== "function") return trouble(text(part("trouble"), "old"));
  soundCheck();
  releaseDevices = cameraCheck();
  press.disabled = false;
  press.addEventListener("click", () => {
    if (press.hasAttribute("aria-disabled")) return;
    if (open) void enter("ask");
    else arm(!armed);
  });
  part("continue-here")?.addEventListener("click", () => void enter("take_over"));
  part("stay-there")?.addEventListener("click", () => showTaken(null));
  tick();
  ticking = setInterval(tick, 1_000);
  if (open && mark.isSet()) void enter("ask");
  else
    whenIdle(
      () =>
        void networkCheck()
          .then((ms) => {
            aheadMs = ms;
          })
          .then(room),
    );
}

/** A press while the room is not open yet: go in by itself later, or no longer. */
function arm(now: boolean): void {
  armed = now;
  const at = timeOfDay(Date.parse(facts.opens_at ?? ""), language);
  if (button === null) return;
  button.textContent = armed ? text(button, "armed", { at }) : text(button, "arm");
  button.classList.toggle("armed", armed);
  hint(armed);
}

/** Says, beside the button and as its description, what another press would do. */
function hint(shown: boolean): void {
  part("armed-hint")?.toggleAttribute("hidden", !shown);
  if (shown) button?.setAttribute("aria-describedby", "armed-hint");
  else button?.removeAttribute("aria-describedby");
}

/** Counts down, and opens the page when its time has come. */
function tick(): void {
  const nowMs = Date.now() + aheadMs;
  const opensInS = (Date.parse(facts.opens_at ?? "") - nowMs) / 1000;
  if (!open && !(opensInS > 0)) opened();
  const until = part("until");
  const words = part("until-words");
  if (until === null || words === null || facts.on_air) return;
  if (!open) {
    const at = timeOfDay(Date.parse(facts.opens_at ?? ""), language);
    words.textContent = text(until, "opensIn", { at, time: clock(opensInS) });
    return;
  }
  const startsInS = (Date.parse(facts.starts_at ?? "") - nowMs) / 1000;
  words.textContent =
    startsInS > 0 ? text(until, "startsIn", { time: clock(startsInS) }) : text(until, "soon");
}

function opened(): void {
  open = true;
  if (armed) return void enter("ask");
  const said = part("said");
  if (said !== null) said.textContent = text(said, "open");
  idle();
}

async function enter(takeOver: TakeOver): Promise<void> {
  if (entering) return;
  entering = true;
  busy();
  trouble("");
  mark.set();
  const [joined, { enterRoom }] = await Promise.all([join(takeOver), room()]).catch(
    () => [null, { enterRoom: null }] as const,
  );
  if (joined === null || enterRoom === null) return refused(text(part("trouble"), "unreachable"));
  if (joined.kind === "granted") return into(enterRoom, joined.grant);
  mark.clear();
  notIn(joined);
}

function into(enterRoom: typeof import("../enter").enterRoom, grant: Grant): void {
  const root = part("room");
  if (root === null) return;
  clearInterval(ticking);
  releaseDevices();
  part("access")?.remove();
  document.body.className = "";
  enterRoom({ root, token, language, grant, join, mark, onLanguage: speak });
}

function notIn(joined: Exclude<Joined, { kind: "granted" }>): void {
  idle();
  switch (joined.kind) {
    case "taken":
      return showTaken(joined);
    case "early":
      // Our clock runs ahead of the server's: the next tick asks again.
      open = false;
      return arm(true);
    case "closed":
      return location.reload();
    case "later":
      return refused(joined.detail === "" ? text(part("trouble"), "unreachable") : joined.detail);
  }
}

function showTaken(taken: Extract<Joined, { kind: "taken" }> | null): void {
  part("ready")?.toggleAttribute("hidden", taken !== null);
  part("taken")?.toggleAttribute("hidden", taken === null);
  if (taken === null) return button?.focus();
  const since = part("taken-since");
  const words = part("taken-words");
  const device = part("taken-device");
  if (device !== null) device.textContent = taken.device;
  if (since !== null)
    since.textContent = text(since, "since", { time: timeOfDay(Date.parse(taken.since), language) });
  if (words !== null && taken.policy === "refuse") words.textContent = text(words, "refuse");
  part("continue-here")?.toggleAttribute("hidden", taken.policy === "refuse");
  part("taken-title")?.focus();
}

function busy(): void {
  if (button === null) return;
  button.textContent = text(button, "joining");
  button.setAttribute("aria-disabled", "true");
  hint(false);
}

function idle(): void {
  entering = false;
  if (button === null) return;
  button.textContent = text(button, open ? "join" : "arm");
  button.removeAttribute("aria-disabled");
  button.classList.remove("armed");
  hint(false);
}

function refused(words: string): void {
  mark.clear();
  idle();
  trouble(words);
}

function trouble(words: string): void {
  const place = part("trouble");
  if (place === null) return;
  place.textContent = words;
  place.hidden = words === "";
}

/** The language chosen in the room counts for the server's words too. */
function speak(next: Language): void {
  language = next;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in two of three browsers
  document.cookie = `lang=${next}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

function whenIdle(what: () => void): void {
  if (typeof requestIdleCallback === "function") requestIdleCallback(what, { timeout: 2_000 });
  else setTimeout(what, 300);
}
