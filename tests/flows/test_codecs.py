"""What a shared screen is sent in: the best that everybody in the room decodes, whoever comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import OpenTab
from tests.flows.people import join, stage_is_seen
from tests.flows.server import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

# Notes the page's connections, which it keeps to itself.
NOTE_PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); peers.push(this); }
};
"""
# The page takes this browser for Safari, which does without VP9 and AV1.
BE_SAFARI = "Object.defineProperty(Navigator.prototype, 'vendor', {get: () => 'Apple Computer, Inc.'});"

RECEIVED = """
const [done] = arguments;
(async () => {
  const open = peers.filter((pc) => pc.connectionState === 'connected');
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const all = reports.flatMap((report) => [...report.values()]);
  const seen = all.filter((one) => one.type === 'inbound-rtp' && one.kind === 'video' && one.framesDecoded);
  return seen.map((one) => all.find((codec) => codec.id === one.codecId)?.mimeType);
})().then(done, () => done([]));
"""


def opened(opens: OpenTab, link: str, *scripts: str) -> Tab:
    tab = opens(Engine.CHROMIUM)
    for script in (NOTE_PEERS, *scripts):
        tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    tab.open(link)
    join(tab)
    return tab


def receives(tab: Tab, mime_type: str) -> None:
    tab.until(mime_type, lambda: tab.run_async(RECEIVED) == [mime_type])
    stage_is_seen(tab)


def test_a_shared_screen_is_seen_by_everybody_also_by_who_decodes_vp8_alone(
    demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """ROOM-3: nobody looks at a black screen."""
    session = demo().session("live")
    host = opens(Engine.CHROMIUM, session.hosts[0])
    join(host)
    host.press("Start…")
    host.press("Start the session")
    early = opened(opens, session.participants[0])
    host.press("Share screen")
    receives(early, "video/AV1")

    late = opened(opens, session.participants[1], BE_SAFARI)
    receives(late, "video/VP8")
    receives(early, "video/VP8")
