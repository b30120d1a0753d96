"""A real browser says everything twice (RED): who takes that misses nothing, who does not hears it plain."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from media.engine import Connected, Engine, Publishing
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab
from tests.kit.patience import PATIENCE_S
from tests.media.engine_peers import ROOM, peers, running_engine
from tests.media.pages import ANSWER

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OFFER_VOICE = """
const [done] = arguments;
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  pc.addTransceiver(stream.getAudioTracks()[0], {direction: 'sendonly'});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

OFFER_EAR = """
const [done] = arguments;
(async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const slot = pc.addTransceiver('audio', {direction: 'recvonly'});
  const audio = window.audio = document.createElement('audio');
  audio.srcObject = new MediaStream([slot.receiver.track]);
  audio.play().catch(() => {});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

HEARD = """
const [done] = arguments;
pc.getStats().then((report) => {
  const heard = [...report.values()].find((one) => one.type === 'inbound-rtp') || {};
  const {packetsReceived = 0, packetsLost = 0, packetsDiscarded = 0, totalAudioEnergy = 0,
    totalSamplesReceived = 0, concealedSamples = 0} = heard;
  done({packetsReceived, packetsLost, packetsDiscarded, totalAudioEnergy, totalSamplesReceived,
    concealedSamples});
});
"""


class Relay(asyncio.DatagramProtocol):
    """A way between one browser and the engine; every fifth packet of media to the browser is lost."""

    def __init__(self, engine: tuple[str, int]) -> None:
        self._engine = engine
        self._browser: Any = None
        self._media = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr != self._engine:
            self._browser = addr
            self._transport.sendto(data, self._engine)
        elif self._browser and not self._is_lost(data):
            self._transport.sendto(data, self._browser)

    def _is_lost(self, data: bytes) -> bool:
        is_media = 128 <= data[0] < 192 and not 192 <= data[1] < 224  # RFC 7983, RFC 5761 section 4
        self._media += is_media
        return is_media and self._media % 5 == 0


@contextlib.asynccontextmanager
async def lossy(answer: str) -> AsyncIterator[str]:
    """The same answer, to be reached over a way that loses."""
    found = re.search(r"127\.0\.0\.1 (\d+) typ host", answer)
    assert found is not None, answer
    relay = Relay(("127.0.0.1", int(found[1])))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: relay, local_addr=("127.0.0.1", 0))
    try:
        yield answer.replace(found[0], f"127.0.0.1 {transport.get_extra_info('sockname')[1]} typ host")
    finally:
        transport.close()


async def offered(tab: Tab, offer: str, *args: object) -> str:
    sdp = await asyncio.to_thread(tab.run_async, offer, *args)
    assert sdp.startswith("v=0"), sdp
    return str(sdp)


async def join(tab: Tab, engine: Engine, sdp: str) -> Connected:
    """Return what the page is connected as."""
    connected = engine.connect(ROOM, sdp, Publishing.ALLOWED)
    await answered(tab, connected.answer_sdp)
    return connected


async def answered(tab: Tab, sdp: str) -> None:
    assert await asyncio.to_thread(tab.run_async, ANSWER, sdp) == ""


async def heard(tab: Tab, enough: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """Wait until the page's counters of sound say so."""
    counters: dict[str, float] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                counters = await asyncio.to_thread(tab.run_async, HEARD)
                if enough(counters):
                    return counters
                await asyncio.sleep(0.1)  # the browser's counters wake nobody
    except TimeoutError:
        pytest.fail(f"waited for sound: {counters}")


@pytest.fixture(scope="module")
def voice(browse: Callable[[Browser], Tab]) -> Tab:
    return browse(Browser.CHROMIUM)


@pytest.fixture(scope="module")
def ear(browse: Callable[[Browser], Tab]) -> Tab:
    return browse(Browser.CHROMIUM)


@pytest.fixture(scope="module")
def firefox(browse: Callable[[Browser], Tab]) -> Tab:
    return browse(Browser.FIREFOX)


@pytest.mark.parametrize("takes", [True, False])
async def test_every_fifth_packet_may_be_lost_on_the_way_to_who_takes_redundant_sound(
    voice: Tab, ear: Tab, takes: bool
) -> None:
    """ROOM-3"""
    async with running_engine() as (engine, _):
        speaker = await join(voice, engine, await offered(voice, OFFER_VOICE))
        assert "red/48000/2" in speaker.answer_sdp
        engine.set_layout(ROOM, [speaker.tracks[0].track], [])
        sdp = await offered(ear, OFFER_EAR)
        connected = engine.connect(ROOM, sdp if takes else sdp.replace("red/", "der/"), Publishing.DENIED)
        async with lossy(connected.answer_sdp) as answer:
            await answered(ear, answer)
            counters = await heard(ear, lambda now: now["packetsReceived"] >= 300)
        lost = counters["packetsLost"] / (counters["packetsLost"] + counters["packetsReceived"])
        concealed = counters["concealedSamples"] / counters["totalSamplesReceived"]
        assert 0.15 < lost < 0.25, counters
        assert concealed < 0.05 if takes else concealed > 0.1, counters
        for tab in (voice, ear):
            await asyncio.to_thread(tab.run, "pc.close()")


async def test_who_offers_no_redundant_sound_hears_it_plain(voice: Tab, firefox: Tab) -> None:
    async with running_engine() as (engine, _), peers(1) as (other,):
        speaker = await join(voice, engine, await offered(voice, OFFER_VOICE))
        engine.set_layout(ROOM, [speaker.tracks[0].track], [])
        connected = await join(firefox, engine, await offered(firefox, OFFER_EAR))
        assert "red/48000/2" not in connected.answer_sdp
        other.receive(audio=1, video=0)
        connected = await other.join(engine)
        assert "red/48000/2" not in connected.answer_sdp

        await heard(firefox, lambda now: now["packetsReceived"] >= 150 and now["totalAudioEnergy"] > 0)
        frames = await other.slot("audio", 0).until(lambda frames: len(frames) >= 150)
        assert max(float(np.abs(frame.to_ndarray()).max()) for frame in frames) > 100, "a beep a second"
        for tab in (voice, firefox):
            await asyncio.to_thread(tab.run, "pc.close()")
