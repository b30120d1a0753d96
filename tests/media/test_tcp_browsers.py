"""Real browsers whose network carries no UDP: film and cameras go over a TCP connection (RFC 6544)."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from media.engine import Engine, EngineConfig, PeerGone, Publishing, TrackStarted
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab, open_tab
from tests.media.engine_film import play
from tests.media.engine_peers import ROOM, Witness, peers, running_engine

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_S = 60

OFFER = """
const [camera, done] = arguments;
(async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.addTransceiver('video', {direction: 'recvonly'});
  if (camera) {
    const stream = await navigator.mediaDevices.getUserMedia({video: {width: 320, height: 180}});
    pc.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly', streams: [stream]});
  }
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

ANSWER = """
const [sdp, done] = arguments;
pc.ontrack = ({track, streams}) => {
  if (track.kind !== 'video') return;
  const video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, {muted: true, srcObject: streams[0]});
  video.play();
};
pc.setRemoteDescription({type: 'answer', sdp}).then(() => done(''), (error) => done(String(error)));
"""

SEEN = """
const [done] = arguments;
pc.getStats().then((report) => {
  const all = [...report.values()];
  const video = all.find((one) => one.type === 'inbound-rtp' && one.kind === 'video');
  const pair = all.find((one) => one.type === 'candidate-pair' && (one.selected || one.nominated)
    && one.state === 'succeeded');
  done({
    state: pc.iceConnectionState,
    frames: (video && video.framesDecoded) || 0,
    protocol: pair ? report.get(pair.localCandidateId).protocol : '',
  });
}, (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>film</title>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Empty) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module", params=list(Browser))
def tab(request: pytest.FixtureRequest, page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    opened = open_tab(request.param, log=tmp_path_factory.mktemp("browser") / "log")
    opened.open(page)
    yield opened
    opened.close()


def without_udp(answer_sdp: str) -> str:
    """The answer as it looks to who can reach no UDP port."""
    assert " tcptype passive" in answer_sdp
    return re.sub(r"a=candidate:\S+ 1 udp .*\r\n", "", answer_sdp)


@asynccontextmanager
async def film() -> AsyncIterator[tuple[Engine, Witness]]:
    """An engine with TCP, and film in its room."""
    async with running_engine(EngineConfig(shards=2, tcp_port=0)) as (engine, witness):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        try:
            yield engine, witness
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing


async def join(tab: Tab, engine: Engine, answer_for: Any, *, camera: bool = False) -> None:
    sdp = await asyncio.to_thread(tab.run_async, OFFER, camera)
    assert sdp.startswith("v=0"), sdp
    answer_sdp = answer_for(engine.connect(ROOM, sdp, Publishing.ALLOWED).answer_sdp)
    assert await asyncio.to_thread(tab.run_async, ANSWER, answer_sdp) == ""


async def seen(tab: Tab, frames: int) -> dict[str, Any]:
    """What the browser tells once it has decoded that many pictures."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while found.get("frames", 0) < frames:
                found = await asyncio.to_thread(tab.run_async, SEEN)
                assert isinstance(found, dict), found
                await asyncio.sleep(0.1)  # the browser's counters wake nobody
    except TimeoutError:
        pytest.fail(f"{frames} pictures did not come: {found}")
    return found


async def test_film_comes_over_tcp_and_goes_on(tab: Tab) -> None:
    """ROOM-3, ROOM-8"""
    async with film() as (engine, witness):
        await join(tab, engine, without_udp)
        first = await seen(tab, 25)
        assert first["protocol"] == "tcp"
        # Longer than the ten seconds that one has to prove oneself.
        assert (await seen(tab, first["frames"] + 12 * 25))["protocol"] == "tcp"
        assert not witness.of(PeerGone)
        (peer,) = engine.stats().peers
        assert peer.lost_out == 0, "nothing gets lost on the way"
        await asyncio.to_thread(tab.run, "pc.close()")
        await witness.until(PeerGone)


async def test_a_camera_goes_out_over_tcp_to_a_viewer_over_udp(tab: Tab) -> None:
    async with film() as (engine, witness), peers(1, recent=10) as (viewer,):
        await join(tab, engine, without_udp, camera=True)
        (started,) = await witness.until(TrackStarted)
        engine.set_layout(ROOM, [], [started.track])
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        await viewer.slot("video", 0).until(lambda frames: len(frames) == 10)
        await asyncio.to_thread(tab.run, "pc.close()")


async def test_who_can_use_udp_does(tab: Tab) -> None:
    async with film() as (engine, _):
        await join(tab, engine, lambda answer_sdp: answer_sdp)
        first = await seen(tab, 25)
        found = await seen(tab, first["frames"] + 100)
        assert found["protocol"] == "udp"
        await asyncio.to_thread(tab.run, "pc.close()")
