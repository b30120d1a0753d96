"""Somebody else's page, on an origin of its own: the public client whip-whep (MIT), which is not ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.flows.browsers import Tab

LIBRARY = Path(__file__).parents[2] / "web/node_modules/whip-whep"

# Notes what the client asks and is answered: it keeps that to itself.
_BEGIN = """
window.answers = [];
const ask = window.fetch;
window.fetch = async (url, init) => {
  const answer = await ask(url, init);
  answers.push([init.method, answer.status]);
  return answer;
};
window.ended = (promise, done) => promise.then(() => done(null), (error) => done(String(error)));
"""
_PUBLISH = """
const [url, token, codec, done] = arguments;
ended((async () => {
  const { WHIPClient } = await import('/whip.js');
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  window.peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (const track of media.getTracks()) peer.addTransceiver(track, { direction: 'sendonly' });
  if (codec) {
    const offered = RTCRtpSender.getCapabilities('video').codecs.filter((one) => one.mimeType === codec);
    peer.getTransceivers().find((one) => one.sender.track.kind === 'video').setCodecPreferences(offered);
  }
  window.client = new WHIPClient();
  await client.publish(peer, url, token);
})(), done);
"""
_WATCH = """
const [url, token, done] = arguments;
ended((async () => {
  const { WHEPClient } = await import('/whep.js');
  window.peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  peer.addTransceiver('audio', { direction: 'recvonly' });
  peer.addTransceiver('video', { direction: 'recvonly' });
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, muted: true, playsInline: true });
  document.body.append(video);
  video.srcObject = new MediaStream();
  peer.ontrack = ({ track }) => video.srcObject.addTrack(track);
  window.client = new WHEPClient();
  await client.view(peer, url, token);
})(), done);
"""
_RECEIVED = """
const [done] = arguments;
peer.getStats().then((report) => done(Object.fromEntries([...report.values()]
  .filter((one) => one.type === 'inbound-rtp')
  .map((one) => [one.kind, one.kind === 'video' ? one.framesDecoded : one.jitterBufferEmittedCount]))));
"""


class Page(SimpleHTTPRequestHandler):
    """An empty page, and the library's files."""

    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        body = b"<!doctype html><title>Elsewhere</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def elsewhere() -> Iterator[str]:
    """Serve the page; its address is of another origin than the server's."""
    assert (LIBRARY / "whep.js").is_file(), "whip-whep is missing: `make build` installs it"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Page, directory=str(LIBRARY)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Client:
    """The public client in a tab that shows that page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        tab.run(_BEGIN)

    def publish(self, url: str, token: str, codec: str | None = None) -> None:
        """Publish camera and microphone, in `codec` alone where one is named."""
        self._do(_PUBLISH, url, token, codec)

    def watch(self, url: str, token: str) -> None:
        self._do(_WATCH, url, token)

    def restart(self) -> None:
        """Start ICE anew."""
        self._do("ended(client.restart(), arguments[0])")

    def stop(self) -> None:
        self._do("ended(client.stop(), arguments[0])")

    def connected(self) -> None:
        script = "return peer.connectionState"
        self.tab.until("the connection", lambda: self.tab.run(script) == "connected")

    def answers(self) -> list[tuple[str, int]]:
        """What it asked, and the status it was answered with."""
        return [(method, status) for method, status in self.tab.run("return answers")]

    def received(self) -> dict[str, float]:
        """Pictures and samples of sound decoded so far."""
        return dict(self.tab.run_async(_RECEIVED))

    def plays(self) -> None:
        """Wait until more pictures and a second more of sound are decoded."""
        before = self.received()

        def more() -> bool:
            now = self.received()
            least = {"video": 10, "audio": 48_000}
            return all(now.get(kind, 0) > before.get(kind, 0) + count for kind, count in least.items())

        self.tab.until("picture and sound", more)

    def _do(self, script: str, *arguments: object) -> None:
        failure = self.tab.run_async(script, *arguments)
        assert failure is None, failure
