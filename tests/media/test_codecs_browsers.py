"""A real browser publishes VP9 and AV1 in layers; whoever offers them decodes what is passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from media.codecs import DEPENDENCY_DESCRIPTOR
from media.engine import Engine, PeerId, Publishing, TrackId
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab
from tests.kit.patience import PATIENCE_S
from tests.media.engine_peers import ROOM, running_engine
from tests.media.pages import ANSWER

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OFFER_CAMERA = """
const [done] = arguments;
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}});
  const [track] = stream.getVideoTracks();
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const layers = [{rid: 'h', scaleResolutionDownBy: 2}, {rid: 'f', scaleResolutionDownBy: 1}];
  window.sender = pc.addTransceiver(track, {direction: 'sendonly', sendEncodings: layers}).sender;
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

# `described` asks for dependency descriptors, where the browser has them.
OFFER_VIEW = """
const [described, done] = arguments;
(async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const slot = pc.addTransceiver('video', {direction: 'recvonly'});
  if (described && slot.setHeaderExtensionsToNegotiate) {
    slot.setHeaderExtensionsToNegotiate(slot.getHeaderExtensionsToNegotiate().map(({uri, direction}) =>
      ({uri, direction: uri.includes('dependency-descriptor') ? 'sendrecv' : direction})));
  }
  const video = window.video = document.createElement('video');
  video.muted = true;
  video.srcObject = new MediaStream([slot.receiver.track]);
  video.play();
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

CHOOSE = """
const [name, done] = arguments;
const parameters = sender.getParameters();
const codec = parameters.codecs.find((one) => one.mimeType.toLowerCase() === 'video/' + name);
for (const one of parameters.encodings) Object.assign(one, {codec, scalabilityMode: 'L1T3'});
sender.setParameters(parameters).then(() => done(''), (error) => done(String(error)));
"""

SEEN = """
const [done] = arguments;
(async () => {
  const report = [...(await pc.getStats()).values()];
  const seen = report.find((one) => one.type === 'inbound-rtp' && one.kind === 'video') || {};
  const codec = report.find((one) => one.id === seen.codecId);
  const canvas = new OffscreenCanvas(16, 16);
  const paint = canvas.getContext('2d');
  paint.drawImage(video, 0, 0, 16, 16);
  const bright = Math.max(...paint.getImageData(0, 0, 16, 16).data.filter((_, at) => at % 4 !== 3));
  return {codec: codec ? codec.mimeType.toLowerCase() : '', frames: seen.framesDecoded || 0,
    height: video.videoHeight, bright};
})().then(done, (error) => done(String(error)));
"""


class Page:
    """One browser's connection to the engine."""

    def __init__(self, tab: Tab, engine: Engine) -> None:
        self._tab = tab
        self._engine = engine
        self.peer: PeerId
        self.tracks: tuple[TrackId, ...] = ()

    async def run(self, script: str, *args: object) -> Any:
        return await asyncio.to_thread(self._tab.run_async, script, *args)

    async def join(self, offer: str, *args: object) -> str:
        """Return the answer."""
        sdp = await self.run(offer, *args)
        assert sdp.startswith("v=0"), sdp
        connected = self._engine.connect(ROOM, sdp, Publishing.ALLOWED)
        self.peer, self.tracks = connected.peer, tuple(one.track for one in connected.tracks)
        assert await self.run(ANSWER, connected.answer_sdp) == ""
        return connected.answer_sdp

    async def sees(self, codec: str, height: int | None = None) -> None:
        """Wait until ten more pictures of that codec, and height, were decoded, and show something."""
        begun, seen = None, None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    seen = await self.run(SEEN)
                    assert isinstance(seen, dict), seen
                    if seen["codec"] != f"video/{codec}" or height not in (None, seen["height"]):
                        begun = None
                    elif begun is None:
                        begun = seen["frames"]
                    elif seen["frames"] >= begun + 10 and seen["bright"] > 60:
                        return
                    await asyncio.sleep(0.1)  # the browser's counters wake nobody
        except TimeoutError:
            pytest.fail(f"waited for {codec} of {height} rows: {seen}")


@pytest.fixture(scope="module", params=list(Browser))
def viewer(request: pytest.FixtureRequest, browse: Callable[[Browser], Tab]) -> Tab:
    return browse(request.param)


@pytest.fixture(scope="module")
def host(browse: Callable[[Browser], Tab]) -> Tab:
    return browse(Browser.CHROMIUM)


@pytest.mark.parametrize("described", [True, False])
async def test_vp9_and_av1_are_seen_by_whoever_offers_them_in_the_layer_that_they_show(
    host: Tab, viewer: Tab, described: bool
) -> None:
    """ROOM-3"""
    async with running_engine() as (engine, _):
        camera, watching = Page(host, engine), Page(viewer, engine)
        assert DEPENDENCY_DESCRIPTOR in await camera.join(OFFER_CAMERA)
        engine.set_layout(ROOM, [], [camera.tracks[0]])
        answer = await watching.join(OFFER_VIEW, described)
        takes = described and viewer.engine is Browser.CHROMIUM  # Firefox has none to receive
        assert (DEPENDENCY_DESCRIPTOR in answer) is takes
        await watching.sees("vp8", 360)
        assert await camera.run(CHOOSE, "vp9") == ""
        await watching.sees("vp9")
        engine.set_view(watching.peer, 0, 180)
        await watching.sees("vp9", 180)
        assert await camera.run(CHOOSE, "av1") == ""
        await watching.sees("av1", 180)
        engine.set_view(watching.peer, 0, 360)
        await watching.sees("av1", 360)
        assert await camera.run(CHOOSE, "vp8") == ""
        await watching.sees("vp8")
        for page in (camera, watching):
            await page.run("pc.close(); arguments[0]()")
