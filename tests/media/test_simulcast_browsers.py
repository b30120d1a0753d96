"""Real browsers publish a camera in three layers; a viewer of another make gets the one that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from media.engine import Engine, LayersWanted, PeerId, PeerStats, Publishing
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab
from tests.media.engine_peers import ROOM, Peer, Witness, peers, running_engine
from tests.media.pages import ANSWER

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_S = 60

OFFER = """
const [done] = arguments;
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 1280, height: 720}});
  const [track] = stream.getVideoTracks();
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const layers = [
    {rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150000},
    {rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500000},
    {rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1700000},
  ];
  window.sender = pc.addTransceiver(track, {direction: 'sendonly', sendEncodings: layers}).sender;
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

ACTIVATE = """
const [rids, done] = arguments;
const parameters = sender.getParameters();
for (const one of parameters.encodings) one.active = rids.includes(one.rid);
sender.setParameters(parameters).then(() => done(''), (error) => done(String(error)));
"""

SENT = """
const [done] = arguments;
sender.getStats().then((report) => {
  const layers = [...report.values()].filter((one) => one.type === 'outbound-rtp');
  done(Object.fromEntries(layers.map((one) => [one.rid, {
    packets: one.packetsSent, height: one.frameHeight, limit: one.qualityLimitationReason}])));
}, (error) => done(String(error)));
"""


VIEW = """
const [done] = arguments;
(async () => {
  const pc = window.viewer = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, {direction: 'recvonly'});
  pc.ontrack = ({track, streams}) => {
    if (track.kind !== 'video') return;
    const video = document.body.appendChild(document.createElement('video'));
    Object.assign(video, {muted: true, autoplay: true, srcObject: new MediaStream([track])});
  };
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

SHOW = """
const [sdp, done] = arguments;
viewer.setRemoteDescription({type: 'answer', sdp}).then(() => done(''), (error) => done(String(error)));
"""

SHOWN = "return document.querySelector('video')?.videoHeight ?? 0"


@pytest.fixture(scope="module", params=list(Browser))
def tab(request: pytest.FixtureRequest, browse: Callable[[Browser], Tab]) -> Tab:
    return browse(request.param)


class Camera:
    """A browser that publishes three layers, and follows what the engine wants of them."""

    def __init__(self, tab: Tab, peer: PeerId) -> None:
        self.tab = tab
        self.peer = peer

    async def follow(self, witness: Witness) -> None:
        """Send the layers that were wanted last."""
        told = [event for event in witness.of(LayersWanted) if event.peer == self.peer]
        if told:
            assert await self._run(ACTIVATE, list(told[-1].rids)) == ""

    async def sent(self) -> dict[str, Any]:
        found = await self._run(SENT)
        assert isinstance(found, dict), found
        return found

    async def _run(self, script: str, *args: object) -> Any:
        return await asyncio.to_thread(self.tab.run_async, script, *args)


@asynccontextmanager
async def on_stage(tab: Tab) -> AsyncIterator[tuple[Engine, Witness, Camera, Peer]]:
    """An engine with the browser's camera in the first slot of a viewer of another make."""
    async with running_engine() as (engine, witness), peers(1, recent=10) as (viewer,):
        sdp = await asyncio.to_thread(tab.run_async, OFFER)
        assert sdp.startswith("v=0"), sdp
        connected = engine.connect(ROOM, sdp, Publishing.ALLOWED)
        assert await asyncio.to_thread(tab.run_async, ANSWER, connected.answer_sdp) == ""
        camera = Camera(tab, connected.peer)
        engine.set_layout(ROOM, [], [connected.tracks[0].track])
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        try:
            yield engine, witness, camera, viewer
        finally:
            await asyncio.to_thread(tab.run, "pc.close()")


async def shows(viewer: Peer, height: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        sink = viewer.slot("video", 0)
        while not sink.frames or sink.frames[-1].height != height:
            sink.changed.clear()
            await sink.changed.wait()


def peer_of(viewer: Peer) -> PeerId:
    assert viewer.connected is not None
    return viewer.connected.peer


async def test_a_viewer_gets_the_layer_that_it_shows(tab: Tab) -> None:
    """ROOM-3"""
    async with on_stage(tab) as (engine, _, camera, viewer):
        try:
            await shows(viewer, 720)
            for height in (180, 360, 720, 180):
                engine.set_view(peer_of(viewer), 0, height)
                await shows(viewer, height)
        except TimeoutError:
            pytest.fail(f"the browser sends {await camera.sent()}")


async def test_layers_that_nobody_watches_are_paused_at_the_publisher(tab: Tab) -> None:
    async with on_stage(tab) as (engine, witness, camera, viewer):
        engine.set_view(peer_of(viewer), 0, 180)
        await shows(viewer, 180)
        wanted = await witness.until(LayersWanted)
        assert wanted[-1].rids == ("q",)
        await camera.follow(witness)
        before = await camera.sent()
        await _until_counts_move(camera, "q")
        after = await camera.sent()
        assert {rid: after[rid]["packets"] - before[rid]["packets"] < 30 for rid in "hf"} == {
            "h": True,
            "f": True,
        }

        engine.set_view(peer_of(viewer), 0, 360)
        wanted = await witness.until(LayersWanted, 2)
        assert set(wanted[-1].rids) == {"q", "h"}
        await camera.follow(witness)
        await shows(viewer, 360)


async def test_a_browser_tells_of_each_packet_and_a_probe_finds_room_for_the_largest_layer(tab: Tab) -> None:
    """ROOM-3"""
    async with on_stage(tab) as (engine, _, camera, _):
        sdp = await asyncio.to_thread(tab.run_async, VIEW)
        assert sdp.startswith("v=0"), sdp
        connected = engine.connect(ROOM, sdp, Publishing.DENIED)
        assert await asyncio.to_thread(tab.run_async, SHOW, connected.answer_sdp) == ""
        height = 0
        try:
            async with asyncio.timeout(PATIENCE_S):
                while height != 720:
                    await asyncio.sleep(0.1)
                    height = await asyncio.to_thread(tab.run, SHOWN)
        except TimeoutError:
            pytest.fail(f"it shows {height}, of {await camera.sent()}: {stats_of(engine, connected.peer)}")
        stats = stats_of(engine, connected.peer)
        assert stats.estimate_origin == "transport"
        assert stats.estimate_bps is not None
        assert stats.estimate_bps > 1_000_000
        assert stats.probed > 0
        await asyncio.to_thread(tab.run, "viewer.close()")


def stats_of(engine: Engine, peer: PeerId) -> PeerStats:
    return next(one for one in engine.stats().peers if one.peer == peer)


async def _until_counts_move(camera: Camera, rid: str) -> None:
    begun = (await camera.sent())[rid]["packets"]
    async with asyncio.timeout(PATIENCE_S):
        while (await camera.sent())[rid]["packets"] < begun + 60:  # noqa: ASYNC110 (counters wake nobody)
            await asyncio.sleep(0.1)
