"""A person in a room, seen from outside: HTTP, Socket.IO and aiortc, nothing of the server's own code.

    Viewer ──join──► in the room ──watch──► receiving ──► closed, or leave

Invariant: notices are kept in the order they came; once `closed` is set it stays, and nothing reconnects.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import aiohttp
import socketio
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)

from room_server.probe.addresses import connect_from_loopback_if_alone
from room_server.probe.joining import (
    USER_AGENT,
    ProbeRefused,
    TakeOver,
    Ticket,
    fresh_device_key,
    read_link,
    take_seat,
)
from room_server.probe.pulse import Pulse
from room_server.probe.receiving import Receiving
from room_server.probe.watching import AUDIO_RATE_HZ, VIDEO_RATE_HZ, AudioWatch, Received, VideoWatch

NAMESPACE: Final = "/room"
PATIENCE_S: Final = 10.0

Payload = dict[str, Any]


class Viewer:
    """One visit with one device key.  Use as an asynchronous context manager."""

    def __init__(self, link: str, device_key: str | None = None, language: str = "en") -> None:
        self.link = read_link(link)
        self.device_key = device_key or fresh_device_key()
        self._language = language
        self.snapshot: Payload = {}
        self.notices: list[tuple[str, Payload]] = []
        self.closed: str | None = None
        self.ended = asyncio.Event()
        self.videos: list[VideoWatch] = []
        self.audios: list[AudioWatch] = []
        self._arrived = asyncio.Condition()
        self._refusal: str | None = None
        self._http: aiohttp.ClientSession | None = None
        self._socket: Any = None
        self._peer: RTCPeerConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pulse = Pulse()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.leave()

    async def join(self, take_over: TakeOver = TakeOver.NEVER) -> Payload:
        """Take the seat and enter the room; return the first snapshot.

        Raise `ProbeRefused` with the server's code, or `unreachable`, `timed_out`, `not_understood`.
        """
        self._http = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept-Language": self._language},
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        )
        ticket = await take_seat(self._http, self.link, self.device_key, take_over)
        await self._enter(ticket)
        self.snapshot = await self.notice("room.snapshot")
        return self.snapshot

    async def watch(self, publish: Sequence[MediaStreamTrack] = ()) -> None:
        """Offer the slots of the snapshot, and what to `publish`; frames are taken from then on."""
        connect_from_loopback_if_alone()
        self._peer = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        slots = self.snapshot["slots"]
        offered = [
            self._slot(self._peer, kind)
            for slot in range(max(slots["audio"], slots["video"]))
            for kind in ("audio", "video")
            if slot < slots[kind]
        ]
        for track in publish:
            self._peer.addTransceiver(track, direction="sendonly")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await self.request("media.offer", {"sdp": self._peer.localDescription.sdp})
        await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._tasks.append(asyncio.create_task(self._pulse.run()))
        for receiver, watcher in offered:
            if receiver.track is not None:
                self._tasks.append(asyncio.create_task(watcher.run(receiver.track)))

    async def request(self, event: str, payload: Payload) -> Payload:
        """Send a request and return its reply.  Raise `ProbeRefused` with the server's code."""
        try:
            told = await self._socket.call(event, payload, namespace=NAMESPACE, timeout=PATIENCE_S)
        except socketio.exceptions.TimeoutError as error:
            raise ProbeRefused("timed_out", event) from error
        except socketio.exceptions.SocketIOError as error:
            raise ProbeRefused("disconnected", event) from error
        if isinstance(told, dict) and isinstance(told.get("ok"), dict):
            reply: Payload = told["ok"]
            return reply
        error_told = told.get("error") if isinstance(told, dict) else None
        if isinstance(error_told, dict):
            raise ProbeRefused(str(error_told.get("code")), str(error_told.get("detail", "")))
        raise ProbeRefused("not_understood", f"{event} was acknowledged with {told!r:.200}")

    async def post(self, text: str, key: str | None = None) -> Payload:
        """Write in the chat; return the message as the server tells it."""
        return await self.request("chat.post", {"key": key or secrets.token_urlsafe(8), "text": text})

    def messages(self) -> list[Payload]:
        """Every chat message told so far: of the snapshots, then one by one."""
        told = [message for snapshot in self.heard("room.snapshot") for message in snapshot["messages"]]
        return told + [notice["message"] for notice in self.heard("chat.message")]

    def receivings(self) -> list[Received]:
        """The receivers of all slots."""
        return [watch.receiving for watch in self.videos] + [watch.receiving for watch in self.audios]

    def heard(self, event: str) -> list[Payload]:
        """Every notice of one name so far."""
        return [payload for name, payload in self.notices if name == event]

    async def notice(
        self,
        event: str,
        accept: Callable[[Payload], bool] = lambda _: True,
        timeout_s: float = PATIENCE_S,
    ) -> Payload:
        """Return the first notice of that name, past or to come, that `accept` takes.

        Raise `ProbeRefused("timed_out")`, or "disconnected" when the connection ends before.
        """

        def found() -> Payload | None:
            return next((payload for payload in self.heard(event) if accept(payload)), None)

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: found() is not None or self.ended.is_set())
        except TimeoutError:
            raise ProbeRefused("timed_out", f"no {event} in {timeout_s:g} s") from None
        if (payload := found()) is None:
            raise ProbeRefused(self.closed or "disconnected", f"before {event}")
        return payload

    async def leave(self) -> None:
        """Close everything; may be called twice."""
        if self._peer is not None:
            await self._peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._socket is not None:
            await self._socket.disconnect()
        if self._http is not None:
            await self._http.close()

    async def _enter(self, ticket: Ticket) -> None:
        self._socket = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=self._http)
        self._socket.on("*", self._on_notice, namespace=NAMESPACE)
        self._socket.on("connect_error", self._on_refusal, namespace=NAMESPACE)
        self._socket.on("disconnect", self._on_disconnect, namespace=NAMESPACE)
        try:
            await self._socket.connect(
                ticket.signalling_url,
                auth={"ticket": ticket.ticket},
                namespaces=[NAMESPACE],
                transports=["websocket"],
                wait_timeout=PATIENCE_S,
            )
        except socketio.exceptions.ConnectionError as error:
            raise ProbeRefused(self._refusal or "unreachable", str(error)) from error

    def _slot(self, peer: RTCPeerConnection, kind: str) -> tuple[RTCRtpReceiver, VideoWatch | AudioWatch]:
        receiver = peer.addTransceiver(kind, direction="recvonly").receiver
        if kind == "video":
            video = VideoWatch(Receiving(receiver, VIDEO_RATE_HZ), self._pulse)
            self.videos.append(video)
            return receiver, video
        audio = AudioWatch(Receiving(receiver, AUDIO_RATE_HZ))
        self.audios.append(audio)
        return receiver, audio

    async def _on_notice(self, event: str, payload: Payload) -> None:
        async with self._arrived:
            self.notices.append((event, payload))
            if event == "seat.moved":
                self.closed = self.closed or "seat_moved"
            elif event == "seat.removed":
                self.closed = self.closed or _REASONS.get(str(payload.get("reason")), "removed")
            if self.closed:
                self.ended.set()
            self._arrived.notify_all()

    async def _on_refusal(self, told: object = None) -> None:
        """Keep the code with which a ticket is not taken: {"message": code} or {"data": {"code"}}."""
        if isinstance(told, dict):
            data = told.get("data")
            code = data.get("code") if isinstance(data, dict) else None
            self._refusal = str(code or told.get("code") or told.get("message") or "") or None
        elif told:
            self._refusal = str(told)

    async def _on_disconnect(self, _reason: object = None) -> None:
        async with self._arrived:
            self.ended.set()
            self._arrived.notify_all()


_REASONS: Final = {"session_over": "session_over", "session_cancelled": "session_cancelled"}
