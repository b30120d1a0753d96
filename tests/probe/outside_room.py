"""A room of a few lines that speaks the documented wire, for a client that must know nothing else.

Its media is aiortc's own: the film of `tests.probe.film` in slot 0 of each kind.  Payloads are built from
`signaling.wire`, so a change of the wire that breaks outside clients breaks these tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import socketio
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from socketio.exceptions import ConnectionRefusedError as TicketRefused

from signaling import wire
from signaling.payload import Wire

Payload = dict[str, Any]


@dataclass
class OutsideRoom:
    """`codes` refuses tokens by name; `tracks` is made anew for each offer, unless `answer` answers it."""

    started_at: datetime | None = None
    codes: dict[str, tuple[int, str]] = field(default_factory=dict)
    tracks: Callable[[], tuple[MediaStreamTrack, ...]] = tuple
    answer: Callable[[str], str] | None = None
    playback: Payload | None = None
    tickets: dict[str, str] = field(default_factory=dict)
    joins: list[Payload] = field(default_factory=list)
    posts: list[Payload] = field(default_factory=list)
    peers: list[RTCPeerConnection] = field(default_factory=list)
    published: list[MediaStreamTrack] = field(default_factory=list)
    asked_for_media: asyncio.Event = field(default_factory=asyncio.Event)
    refuse_tickets: bool = False
    refuse_media: str | None = None
    url: str = ""

    def __post_init__(self) -> None:
        self.socket = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins=[])
        self.socket.on("connect", self._connect, namespace="/room")
        self.socket.on("media.offer", self._media_offer, namespace="/room")
        self.socket.on("chat.post", self._chat_post, namespace="/room")

    async def tell(self, event: str, payload: Payload) -> None:
        await self.socket.emit(event, payload, namespace="/room")

    async def close_everyone(self) -> None:
        for sid in list(self.socket.manager.get_participants("/room", None)):
            await self.socket.disconnect(sid[0], namespace="/room")

    def snapshot(self) -> Payload:
        now = datetime.now(UTC)
        return wired(
            wire.Snapshot,
            session={
                "session_id": "session",
                "event_title": "Probe",
                "title": None,
                "room_type": "automated",
                "starts_at": self.started_at or now + timedelta(seconds=1),
                "time_zone": "Europe/Paris",
                "state": "on_air" if self.started_at else "scheduled",
                "started_at": self.started_at,
                "accent": "#0a5",
            },
            me={
                "person_id": "me",
                "name": "Probe",
                "role": "participant",
                "may_publish": False,
                "may_moderate": False,
                "may_host": False,
            },
            people=(),
            count=1,
            chat_mode="open",
            messages=(message("before"),),
            held=(),
            ctas=(),
            stage={"on_stage": (), "invited": ()},
            slots={"audio": 2, "video": 2},
            playback=self.playback,
            timeline=None,
            server_time=now,
        )

    async def join(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.joins.append(body)
        status, code = self.codes.get(body["token"], (200, ""))
        if status != 200 and not (code == "seat_taken" and body["take_over"]):
            problem = {"code": code, "detail": "No.", "status": status}
            return web.json_response(problem, status=status, content_type="application/problem+json")
        ticket = f"ticket-{len(self.joins)}"
        self.tickets[ticket] = body["token"]
        room = {"session_id": "session", "title": None, "event_title": "Probe"}
        return web.json_response({"signalling_url": self.url, "ticket": ticket, "room": room})

    async def _connect(self, sid: str, _environ: Payload, auth: Payload) -> None:
        if self.refuse_tickets or self.tickets.pop(auth["ticket"], None) is None:
            raise TicketRefused("ticket_invalid")
        self.socket.start_background_task(
            self.socket.emit,
            "room.snapshot",
            self.snapshot(),
            to=sid,
            namespace="/room",
        )

    async def _media_offer(self, _sid: str, payload: Payload) -> Payload:
        self.asked_for_media.set()
        if self.refuse_media:
            return {"error": {"code": self.refuse_media, "detail": "No."}}
        if self.answer is not None:
            return {"ok": {"sdp": self.answer(payload["sdp"])}}
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.peers.append(peer)
        peer.on("track", self.published.append)
        await peer.setRemoteDescription(RTCSessionDescription(payload["sdp"], "offer"))
        for track in self.tracks():
            peer.addTrack(track)
        await peer.setLocalDescription(await peer.createAnswer())
        return {"ok": {"sdp": peer.localDescription.sdp}}

    async def _chat_post(self, _sid: str, payload: Payload) -> Payload:
        self.posts.append(payload)
        if payload["text"] == "forbidden":
            return {"error": {"code": "chat_closed", "detail": "No."}}
        posted = message(payload["text"])
        await self.tell("chat.message", wired(wire.ChatMessage, message=posted))
        return {"ok": posted}


def message(text: str) -> Payload:
    return wired(
        wire.Message,
        message_id="m1",
        author_id="me",
        author_name="Probe",
        by_team=False,
        text=text,
        state="published",
        sent_at=datetime.now(UTC),
        mode="open",
    )


def position(state: str, position_s: float, taken_over_by: str | None = None) -> Payload:
    return wired(
        wire.PlaybackPosition,
        item_id=None,
        position_s=position_s,
        item_position_s=0,
        left_s=None,
        state=state,
        recorded=True,
        length_s=300,
        taken_over_by=taken_over_by,
        server_time=datetime.now(UTC),
    )


def wired(shape: type[Wire], **values: object) -> Payload:
    """A payload as it travels, checked against its shape."""
    return shape.model_validate(values).model_dump(mode="json")


@asynccontextmanager
async def opened(room: OutsideRoom) -> AsyncIterator[OutsideRoom]:
    """Serve `room` on a free port of the loopback."""
    app = web.Application()
    app.router.add_post("/api/join", room.join)
    room.socket.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    room.url = f"http://{host}:{port}"
    try:
        yield room
    finally:
        for peer in room.peers:
            await peer.close()
        await room.socket.shutdown()
        await runner.cleanup()
