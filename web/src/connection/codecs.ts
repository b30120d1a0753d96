/**
 * Which codec our picture is sent in, what our offers ask for, and what we are shown of others.
 *
 * Invariant: nothing but VP8 is sent that the server has not said everybody in the room decodes.
 */
import type { VideoCodec } from "../wire";

/** What a screen gains most from, the best first. Cameras stay with VP8, which three layers at once cost least. */
const FOR_SCREENS: readonly VideoCodec[] = ["av1", "vp9"];
/** One picture, at three rates: a viewer whose way is narrow goes without some pictures, not without all. */
const SCALABILITY = "L1T3";
const DESCRIPTOR = "dependency-descriptor";

type Extension = { readonly uri: string; readonly direction: string };
/** What not every browser has. */
type Negotiating = {
  getHeaderExtensionsToNegotiate?(): Extension[];
  setHeaderExtensionsToNegotiate?(extensions: Extension[]): void;
};

/** The codec for a picture, in a room where everybody decodes `decoded`. */
export function codecFor(track: MediaStreamTrack | null, decoded: readonly VideoCodec[]): VideoCodec {
  const isScreen = track?.contentHint === "detail";
  return (isScreen && FOR_SCREENS.find((codec) => decoded.includes(codec))) || "vp8";
}

/** Has every layer sent in a codec. False, and nothing changed, when that was not negotiated. */
export function encodeIn(parameters: RTCRtpSendParameters, name: VideoCodec): boolean {
  const negotiated = parameters.codecs ?? [];
  const codec = negotiated.find(({ mimeType }) => mimeType.toLowerCase() === `video/${name}`);
  if (codec === undefined) return false;
  for (const layer of parameters.encodings) Object.assign(layer, { codec, scalabilityMode: SCALABILITY });
  return true;
}

/** Asks for what describes pictures without their payload, where the browser can: it tells layers apart. */
export function wantDescriptors(receiving: RTCRtpTransceiver): void {
  const negotiating = receiving as RTCRtpTransceiver & Negotiating;
  const offered = negotiating.getHeaderExtensionsToNegotiate?.();
  negotiating.setHeaderExtensionsToNegotiate?.(
    (offered ?? []).map((one) => (one.uri.includes(DESCRIPTOR) ? { ...one, direction: "sendrecv" } : one)),
  );
}

/** Whether we are sent pictures in that codec: where the browser does not tell what it knows, they are tried. */
export function shows(name: VideoCodec, browser: { readonly vendor?: string }): boolean {
  const known = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  const named = (mimeType: string) => mimeType.toLowerCase() === `video/${name}`;
  return known === undefined || known.some(({ mimeType }) => named(mimeType) && !isSlow(mimeType, browser));
}

/** Safari offers VP9 and AV1 also where its machine is slow with them: there we do without. */
export function avoidSlowCodecs(section: RTCRtpTransceiver, browser: { readonly vendor?: string }): void {
  const known = globalThis.RTCRtpReceiver?.getCapabilities("video")?.codecs ?? [];
  const quick = known.filter(({ mimeType }) => !isSlow(mimeType, browser));
  if (quick.length > 0 && quick.length < known.length) section.setCodecPreferences(quick);
}

function isSlow(mimeType: string, browser: { readonly vendor?: string }): boolean {
  return browser.vendor?.startsWith("Apple") === true && /^video\/(vp9|av1)$/i.test(mimeType);
}
