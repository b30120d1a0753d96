"""An independent client that joins a room from outside and says what it saw.

It speaks HTTP, Socket.IO and WebRTC through aiortc and imports nothing of the server, so that what it reports
is what any client would get.  `room-server probe` runs it; tests reuse its `Viewer`.

    link ──joining──► ticket ──viewer──► room, media ──watching──► frames ──readings──► report
"""

from room_server.probe.joining import ProbeRefused, TakeOver
from room_server.probe.report import Report
from room_server.probe.viewer import Viewer
from room_server.probe.visit import probe

__all__ = ["ProbeRefused", "Report", "TakeOver", "Viewer", "probe"]
