"""What aiortc's receivers know but do not tell: sender reports, loss, RTP timestamps of decoded frames.

aiortc's statistics carry the instant of a sender report without its RTP timestamp, overwrite a source's loss
with that of its retransmissions, and its frames count from the first one.  This module reads the three from
inside, and is the only one that touches aiortc's private names.
"""

from __future__ import annotations

import time
from typing import Any, cast

from aiortc import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

from room_server.probe.sender_clock import SenderClock


class Receiving:
    """One receiver, watched from before its first packet; its timestamps advance by `rate_hz` a second."""

    def __init__(self, receiver: RTCRtpReceiver, rate_hz: int) -> None:
        self.clock = SenderClock(rate_hz)
        self._receiver = cast(Any, receiver)
        self._handle_rtcp_packet = self._receiver._handle_rtcp_packet
        self._receiver._handle_rtcp_packet = self._note_rtcp_packet

    def lost(self) -> int:
        """Packets that did not come the first time, retransmitted or not (RFC 3550 appendix A.3)."""
        repairs = self._receiver._RTCRtpReceiver__rtx_ssrc
        streams = self._receiver._RTCRtpReceiver__remote_streams
        return sum(max(0, stream.packets_lost) for ssrc, stream in streams.items() if ssrc not in repairs)

    def rtp_timestamp(self, pts: int) -> int:
        """The RTP timestamp, modulo 2^32, of a decoded frame."""
        origin: int = self._receiver._RTCRtpReceiver__timestamp_mapper._origin or 0
        return (pts + origin) % (1 << 32)

    async def _note_rtcp_packet(self, packet: object) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            self.clock.note(info.ntp_timestamp, info.rtp_timestamp, time.time())
        await self._handle_rtcp_packet(packet)
