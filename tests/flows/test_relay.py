"""The way around a firewall that lets no UDP out: Debian's coturn, over TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.people import film_moves, join
from tests.flows.server import Demo
from tests.kit.coturn import SECRET, coturn

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

ONLY_BY_RELAY = """
window.peers = [];
window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(given) {
    super({ ...given, iceTransportPolicy: 'relay' });
    window.peers.push(this);
  }
};
"""
WAYS = """
const done = arguments[0];
Promise.all(window.peers.map((peer) => peer.getStats())).then((reports) => {
  const stats = reports.flatMap((report) => [...report.values()]);
  const pairs = stats.filter((one) => one.type === 'candidate-pair' && one.nominated);
  done(pairs.map((pair) => {
    const local = stats.find((one) => one.id === pair.localCandidateId);
    return [local.candidateType, local.relayProtocol];
  }));
});
"""


def test_whom_no_udp_reaches_watches_through_the_turn_server_over_tls(
    demo: Callable[..., Demo], opens: OpenTab, tmp_path: Path
) -> None:
    """ROOM-3: with the credentials that the server hands out, and no other way open."""
    with coturn(tmp_path) as turn:
        settings = {"ROOM_TURN_URLS": turn.tls_url, "ROOM_TURN_SECRET": SECRET}
        session = demo(starts_in_s=1, settings=settings).session("automated")
        viewer = opens(Engine.CHROMIUM)
        viewer.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": ONLY_BY_RELAY})
        viewer.open(session.participants[0])
        join(viewer)
        film_moves(viewer)
        assert viewer.run_async(WAYS) == [["relay", "tls"]]
