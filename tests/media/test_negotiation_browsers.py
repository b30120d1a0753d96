"""Real browsers take the answer: slots where they belong, publishing as allowed, refusals refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from media.negotiation import Publishing
from tests.flows.browsers import Engine, Tab
from tests.media.offering import negotiate

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OFFER = """
const [wish, done] = arguments;
(async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  if (wish.channel) pc.createDataChannel('first');
  for (let slot = 0; slot < 4; slot++) {
    pc.addTransceiver('audio', {direction: 'recvonly'});
    pc.addTransceiver('video', {direction: 'recvonly'});
  }
  if (wish.publish) {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
    const layers = [{rid: 'q', scaleResolutionDownBy: 4}, {rid: 'f'}];
    pc.addTransceiver(stream.getAudioTracks()[0], {direction: 'sendonly', streams: [stream]});
    pc.addTransceiver(stream.getVideoTracks()[0],
      {direction: 'sendonly', streams: [stream], sendEncodings: wish.layers ? layers : [{}]});
  }
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
})().then(done, (error) => done(`failed: ${error}`));
"""

ANSWER = """
const [sdp, done] = arguments;
(async () => {
  const streams = {};
  pc.ontrack = (event) => { streams[event.transceiver.mid] = event.streams.map((stream) => stream.id); };
  await pc.setRemoteDescription({type: 'answer', sdp});
  return {
    signaling: pc.signalingState,
    streams,
    sections: pc.getTransceivers().map((one) => [one.mid, one.receiver.track.kind, one.currentDirection]),
    active: pc.getTransceivers().filter((one) => one.currentDirection === 'sendonly')
      .map((one) => one.sender.getParameters().encodings.filter((layer) => layer.active).length),
  };
})().then(done, (error) => done(`failed: ${error}`));
"""


@pytest.fixture(scope="module", params=list(Engine))
def tab(request: pytest.FixtureRequest, browse: Callable[[Engine], Tab]) -> Tab:
    return browse(request.param)


def negotiated_by(tab: Tab, publishing: Publishing, **wish: bool) -> Any:
    """What the browser made of our answer to its offer."""
    sdp = tab.run_async(OFFER, wish)
    assert sdp.startswith("v=0"), sdp
    taken = tab.run_async(ANSWER, negotiate(sdp, publishing).answer_sdp)
    assert isinstance(taken, dict), taken
    assert taken["signaling"] == "stable"
    tab.run("pc.close()")
    return taken


def test_a_viewer_gets_eight_slots_paired_by_stream(tab: Tab) -> None:
    """ROOM-3"""
    taken = negotiated_by(tab, Publishing.DENIED)
    assert [(kind, direction) for _, kind, direction in taken["sections"]] == [
        ("audio", "recvonly"),
        ("video", "recvonly"),
    ] * 4
    assert taken["streams"] == {str(mid): [f"slot-{mid // 2}"] for mid in range(8)}


@pytest.mark.parametrize("layers", [False, True])
def test_a_host_sends_the_layers_that_it_offers(tab: Tab, layers: bool) -> None:
    taken = negotiated_by(tab, Publishing.ALLOWED, publish=True, layers=layers)
    assert [(kind, direction) for _, kind, direction in taken["sections"][8:]] == [
        ("audio", "sendonly"),
        ("video", "sendonly"),
    ]
    assert taken["active"] == [1, 2 if layers else 1]


def test_who_may_not_publish_receives_all_the_same(tab: Tab) -> None:
    taken = negotiated_by(tab, Publishing.DENIED, publish=True)
    assert [direction for _, _, direction in taken["sections"]] == ["recvonly"] * 8 + ["inactive"] * 2


def test_a_refused_data_channel_leaves_the_slots_alone(tab: Tab) -> None:
    taken = negotiated_by(tab, Publishing.DENIED, channel=True)
    assert [direction for _, _, direction in taken["sections"]] == ["recvonly"] * 8
