import { afterEach, describe, expect, it, vi } from "vitest";
import { avoidSlowCodecs, codecFor, encodeIn, shows, wantDescriptors } from "./codecs";

const screen = { contentHint: "detail" } as MediaStreamTrack;
const camera = { contentHint: "motion" } as MediaStreamTrack;
const URI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

afterEach(() => vi.unstubAllGlobals());

describe("a codec", () => {
  it("for a screen is the best that everybody decodes", () => {
    expect(codecFor(screen, ["vp8", "vp9", "av1"])).toBe("av1");
    expect(codecFor(screen, ["vp8", "vp9"])).toBe("vp9");
    expect(codecFor(screen, ["vp8"])).toBe("vp8");
    expect(codecFor(screen, [])).toBe("vp8");
  });

  it("for a camera, or for nothing, is VP8", () => {
    expect(codecFor(camera, ["vp8", "vp9", "av1"])).toBe("vp8");
    expect(codecFor(null, ["vp8", "vp9", "av1"])).toBe("vp8");
  });

  it("is set on every layer, or on none when it was not negotiated", () => {
    const [vp8, av1] = [{ mimeType: "video/VP8" }, { mimeType: "video/AV1" }];
    const parameters = { codecs: [vp8, av1], encodings: [{ rid: "q" }, { rid: "f" }] };
    expect(encodeIn(parameters as unknown as RTCRtpSendParameters, "av1")).toBe(true);
    expect(parameters.encodings).toEqual([
      { rid: "q", codec: av1, scalabilityMode: "L1T3" },
      { rid: "f", codec: av1, scalabilityMode: "L1T3" },
    ]);
    const before = structuredClone(parameters.encodings);
    expect(encodeIn(parameters as unknown as RTCRtpSendParameters, "vp9")).toBe(false);
    expect(parameters.encodings).toEqual(before);
  });
});

describe("an offer", () => {
  it("asks for descriptors where the browser can, and for nothing else than before", () => {
    let asked: unknown;
    const section = {
      getHeaderExtensionsToNegotiate: () => [
        { uri: "urn:mid", direction: "sendrecv" },
        { uri: "urn:other", direction: "stopped" },
        { uri: URI, direction: "stopped" },
      ],
      setHeaderExtensionsToNegotiate: (extensions: unknown) => {
        asked = extensions;
      },
    };
    wantDescriptors(section as unknown as RTCRtpTransceiver);
    expect(asked).toEqual([
      { uri: "urn:mid", direction: "sendrecv" },
      { uri: "urn:other", direction: "stopped" },
      { uri: URI, direction: "sendrecv" },
    ]);
    expect(() => wantDescriptors({} as RTCRtpTransceiver)).not.toThrow();
  });

  it("of Safari has neither VP9 nor AV1, and of others what they have", () => {
    const codecs = ["video/VP8", "video/rtx", "video/VP9", "video/AV1"].map((mimeType) => ({ mimeType }));
    vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs }) });
    const preferred: unknown[] = [];
    const section = { setCodecPreferences: (all: unknown) => preferred.push(all) };
    avoidSlowCodecs(section as unknown as RTCRtpTransceiver, { vendor: "Google Inc." });
    avoidSlowCodecs(section as unknown as RTCRtpTransceiver, { vendor: "Apple Computer, Inc." });
    expect(preferred).toEqual([[{ mimeType: "video/VP8" }, { mimeType: "video/rtx" }]]);
  });

  it("of others is shown in what the browser decodes and we ask for", () => {
    const [browser, safari] = [{ vendor: "" }, { vendor: "Apple Computer, Inc." }];
    vi.stubGlobal("RTCRtpReceiver", undefined);
    expect(shows("h264", browser)).toBe(true);
    const codecs = [{ mimeType: "video/VP8" }, { mimeType: "video/AV1" }];
    vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs }) });
    expect(shows("h264", browser)).toBe(false);
    expect([shows("av1", browser), shows("av1", safari)]).toEqual([true, false]);
  });
});
