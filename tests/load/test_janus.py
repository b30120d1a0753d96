"""The driver of Janus speaks its API and reads its refusals; the comparison divides the right way round."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.load.figures import Delays, Floor, Window
from tests.load.janus import beside
from tests.load.janus_api import JanusError, JanusSession
from tests.load.janus_server import Settings, configuration

FLOOR = Floor(sendto_gcm_ns=4_000, gso8_gcm_ns=1_400, gcm_ns=170, stream_gcm_ns=2_000)
WINDOW = Window(
    viewers=1,
    seconds=1.0,
    sent=100,
    received=(100,),
    retransmitted=0,
    overflowed=0,
    cpu_ns=800_000,
    client_cpu_ns=1,
    delay=Delays(1.0, 2.0),
    audio_delay=Delays(1.0, 2.0),
    rss_before_kb=0,
    rss_after_kb=300,
    others_percent=0.0,
)
_PLUGIN = {"plugin": "janus.plugin.streaming"}


class _Janus:
    """Answers as Janus 1.1.2 does: a message is acknowledged, what it led to comes as an event."""

    def __init__(self) -> None:
        self.started: list[tuple[int, str]] = []
        self._handles = 100

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("janus-protocol",))
        await socket.prepare(request)
        async for message in socket:
            asked = json.loads(message.data)
            for reply in self.replies(asked):
                await socket.send_json({**reply, "transaction": asked["transaction"]})
        return socket

    def replies(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if asked["janus"] == "create":
            return [{"janus": "success", "data": {"id": 5}}]
        if asked["session_id"] != 5:
            return [{"janus": "error", "error": {"code": 458, "reason": "No such session"}}]
        if asked["janus"] == "attach":
            self._handles += 1
            return [{"janus": "success", "session_id": 5, "data": {"id": self._handles}}]
        return [{"janus": "ack", "session_id": 5}, self._event(asked)]

    def _event(self, asked: dict[str, Any]) -> dict[str, Any]:
        body, handle = asked["body"], asked["handle_id"]
        if body["request"] == "start":
            self.started.append((handle, asked["jsep"]["sdp"]))
            return {"janus": "event", "plugindata": {**_PLUGIN, "data": {"result": {"status": "starting"}}}}
        if body["id"] != 1:
            refusal = {"error_code": 455, "error": f"No such mountpoint/stream {body['id']}"}
            return {"janus": "event", "plugindata": {**_PLUGIN, "data": refusal}}
        return {
            "janus": "event",
            "plugindata": {**_PLUGIN, "data": {"result": {"status": "preparing"}}},
            "jsep": {"type": "offer", "sdp": f"offer to {handle}"},
        }


@pytest.fixture
async def janus() -> AsyncIterator[tuple[_Janus, JanusSession]]:
    janus = _Janus()
    app = web.Application()
    app.router.add_get("/", janus.serve)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        session = await JanusSession.open(http, str(server.make_url("/")))
        yield janus, session
        await session.close()


async def test_each_viewer_has_a_handle_an_offer_and_its_start(janus: tuple[_Janus, JanusSession]) -> None:
    fake, session = janus
    for expected in (101, 102):
        handle = await session.attach()
        assert handle == expected
        assert await session.watch(handle, 1) == f"offer to {handle}"
        await session.start(handle, f"answer of {handle}")
    assert fake.started == [(101, "answer of 101"), (102, "answer of 102")]


async def test_what_the_plugin_refuses_raises(janus: tuple[_Janus, JanusSession]) -> None:
    _, session = janus
    with pytest.raises(JanusError, match="No such mountpoint"):
        await session.watch(await session.attach(), 2)


def test_ours_is_set_beside_theirs() -> None:
    theirs = dataclasses.replace(WINDOW, cpu_ns=6_400_000)
    entry = beside(theirs, WINDOW, FLOOR)
    assert entry["cpu_ns_per_packet"] == 64_000
    assert entry["ratio_to_floor"] == 16.0
    assert entry["times_ours"] == 8.0
    assert entry["ours"] == WINDOW.to_json(FLOOR)


def test_a_server_that_delivered_nothing_has_no_price_to_compare() -> None:
    assert beside(dataclasses.replace(WINDOW, received=()), WINDOW, FLOOR)["times_ours"] is None
    assert beside(WINDOW, dataclasses.replace(WINDOW, received=()), FLOOR)["times_ours"] is None


def test_janus_runs_with_two_event_loops_on_one_interface_and_no_other_plugin(tmp_path: Path) -> None:
    for folder, libraries in (
        ("plugins", ("libjanus_streaming.so", "libjanus_sip.so", "libjanus_videoroom.so")),
        ("transports", ("libjanus_http.so", "libjanus_websockets.so")),
    ):
        (tmp_path / folder).mkdir()
        for library in libraries:
            (tmp_path / folder / library).touch()
    settings = Settings("198.18.0.1", "rb1a", 1, 2, 3)
    files = configuration(settings, tmp_path, tmp_path)
    assert "event_loops = 2" in files["janus.jcfg"]
    assert 'ice_enforce_list = "rb1a"' in files["janus.jcfg"]
    assert 'disable = "libjanus_sip.so,libjanus_videoroom.so"' in files["janus.jcfg"]
    assert 'disable = "libjanus_http.so"' in files["janus.jcfg"]
    assert 'ws_ip = "198.18.0.1"' in files["janus.transport.websockets.jcfg"]
    assert "videoport = 3" in files["janus.plugin.streaming.jcfg"]
