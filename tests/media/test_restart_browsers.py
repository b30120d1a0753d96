"""Real browsers go on by new ICE names, as after a change of network: no handshake anew, no picture lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from media.engine import PeerConnected, Publishing
from tests.flows.browsers import Engine as Browser
from tests.flows.browsers import Tab
from tests.kit.patience import PATIENCE_S
from tests.media.engine_film import film, play
from tests.media.engine_peers import ROOM, running_engine
from tests.media.pages import ANSWER

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OFFER = """
const [done] = arguments;
(async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, {direction: 'recvonly'});
  const video = document.body.appendChild(document.createElement('video'));
  video.muted = video.autoplay = true;
  video.srcObject = new MediaStream(pc.getReceivers().map((one) => one.track));
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

RESTART = """
const [done] = arguments;
(async () => {
  window.answered = pc.currentRemoteDescription.sdp;
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
  return /^a=ice-ufrag:(\\S+)/m.exec(pc.localDescription.sdp)[1];
})().then(done, (error) => done(`failed: ${error}`));
"""

RENAME = """
const [ufrag, pwd, done] = arguments;
const sdp = answered.replace(/^a=ice-ufrag:\\S+/gm, `a=ice-ufrag:${ufrag}`)
  .replace(/^a=ice-pwd:\\S+/gm, `a=ice-pwd:${pwd}`)
  .replace(/^(a=candidate:.* ufrag )\\S+/gm, `$1${ufrag}`);
pc.setRemoteDescription({type: 'answer', sdp}).then(() => done(''), (error) => done(String(error)));
"""

STATE = """
const [done] = arguments;
pc.getStats().then((report) => {
  const all = [...report.values()];
  const video = all.find((one) => one.type === 'inbound-rtp' && one.kind === 'video') || {};
  const pairs = all.filter((one) => one.type === 'candidate-pair' && one.nominated && one.bytesReceived > 0);
  done({frames: video.framesDecoded || 0, connection: pc.connectionState,
    pairs: pairs.map((one) => [one.id, one.bytesReceived])});
}, (error) => done({failed: String(error)}));
"""


@pytest.fixture(scope="module", params=list(Browser))
def tab(request: pytest.FixtureRequest, browse: Callable[[Browser], Tab]) -> Tab:
    return browse(request.param)


async def ask(tab: Tab, script: str, *args: object) -> Any:
    return await asyncio.to_thread(tab.run_async, script, *args)


async def until(tab: Tab, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the first state of the page for which `holds`."""
    state: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not state or not holds(state):
                state = await ask(tab, STATE)
    except TimeoutError:
        pytest.fail(f"the page stays at {state}")
    return state


async def test_film_goes_on_through_a_restart_of_ice(tab: Tab) -> None:
    """ROOM-3: RFC 8445 section 9, without a new join."""
    film()
    async with running_engine() as (engine, witness):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        connected = engine.connect(ROOM, await ask(tab, OFFER), Publishing.DENIED)
        assert await ask(tab, ANSWER, connected.answer_sdp) == ""
        before = await until(tab, lambda state: state["frames"] > 20 and bool(state["pairs"]))

        theirs = await ask(tab, RESTART)
        assert not theirs.startswith("failed"), theirs
        ours = engine.restart_ice(connected.peer, theirs)
        assert await ask(tab, RENAME, ours.ufrag, ours.pwd) == ""

        used = {pair for pair, _ in before["pairs"]}
        after = await until(tab, lambda state: any(pair not in used for pair, _ in state["pairs"]))
        await until(tab, lambda state: state["frames"] > after["frames"] + 20)
        assert after["connection"] == "connected"
        assert len(witness.of(PeerConnected)) == 1, "one handshake"
        playing.cancel()
        await asyncio.to_thread(tab.run, "pc.close()")
