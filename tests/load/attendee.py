"""Somebody in a room: joins as a browser does and holds the Socket.IO connection, or watches by WHEP.

Media are those of `Peers` either way.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.load.peers import Peers
from tests.load.room_socket import Refused, RoomSocket

TRIES = 4
TRY_AGAIN_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Attendee:
    """`peer` is the id in the load client, `began_ns` when the HTTP request was made."""

    peer: int
    socket: RoomSocket
    snapshot: dict[str, Any]
    began_ns: int


async def enter(http: aiohttp.ClientSession, link: str, peer: int, device_key: str = "") -> Attendee:
    """Take the link's seat and connect, trying again as the web client does.

    Who comes back says the same `device_key`; without one, it is a new device.

    Raise `Refused` with the server's code when it refused every time.
    """
    began_ns = time.time_ns()
    device_key = device_key or new_device_key()
    for _ in range(TRIES - 1):
        with suppress(Refused):
            return await _enter_once(http, link, peer, device_key, began_ns)
        await asyncio.sleep(TRY_AGAIN_AFTER_S)
    return await _enter_once(http, link, peer, device_key, began_ns)


def new_device_key() -> str:
    """What a browser makes for itself on its first visit."""
    return secrets.token_urlsafe(24)


async def _enter_once(
    http: aiohttp.ClientSession, link: str, peer: int, device_key: str, began_ns: int
) -> Attendee:
    address = urlsplit(link)
    request = {"token": address.path.rsplit("/", 1)[-1], "device_key": device_key, "take_over": False}
    origin = f"{address.scheme}://{address.netloc}"
    async with http.post(f"{origin}/api/join", json=request) as response:
        reply = await response.json(content_type=None)
        if response.status != 200:
            raise Refused(f"join: {response.status} {reply.get('code')}")
    socket = await RoomSocket.connect(http, str(reply["signalling_url"]), str(reply["ticket"]))
    return Attendee(peer, socket, await socket.snapshot(), began_ns)


async def view(attendee: Attendee, peers: Peers) -> None:
    """Offer as many receive slots as the room has and wait until connected."""
    slots = attendee.snapshot["slots"]
    offer = await peers.viewer(attendee.peer, slots["audio"], slots["video"])
    await _connect(attendee, peers, offer)


async def watch(http: aiohttp.ClientSession, link: str, peer: int, peers: Peers) -> int:
    """Watch by WHEP with a slot of each kind, as players do; return when the HTTP request was made.

    Raise `Refused` with the server's code.
    """
    offer = await peers.viewer(peer, 1, 1)
    began_ns = time.time_ns()
    address = urlsplit(link)
    url = f"{address.scheme}://{address.netloc}/api/whep/{address.path.rsplit('/', 1)[-1]}"
    async with http.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as response:
        if response.status != 201:
            reply = await response.json(content_type=None)
            raise Refused(f"whep: {response.status} {reply.get('code')}")
        peers.answer(peer, await response.text())
    await peers.instant("connected", peer)
    return began_ns


async def publish(attendee: Attendee, peers: Peers, mode: str) -> None:
    """Go on stage and send the reference stream; `mode` is `burst` or `paced`."""
    await attendee.socket.request("stage.enter")
    slots = attendee.snapshot["slots"]
    offer = await peers.publisher(attendee.peer, slots["audio"], slots["video"], mode)
    await _connect(attendee, peers, offer)
    peers.publish()


async def _connect(attendee: Attendee, peers: Peers, offer: str) -> None:
    answer = await attendee.socket.request("media.offer", sdp=offer)
    peers.answer(attendee.peer, answer["sdp"])
    await peers.instant("connected", attendee.peer)
