"""What may be asked of a stream, and from where: PATCH, preflights, and what is refused (PLUS-13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.server import ServerUnderTest, start_server
from tests.whip.streaming import FRAGMENT, NEW_NAMES, SDP, Stream, streams


def own_names(player: Stream) -> str:
    lines = player.connection.localDescription.sdp.splitlines()
    return "".join(f"{line}\r\n" for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd")))[:200]


# ---- PATCH


async def test_candidates_need_the_tag_of_the_ice_session(server: ServerUnderTest) -> None:
    """RFC 9725 section 4.3.1."""
    async with streams(server) as [player]:
        await player.watch(await server.open_link())
        tag, candidates = player.reply.headers["ETag"], own_names(player)
        missing = await player.patch(candidates, None)
        assert (missing.status, missing.body["code"]) == (428, "precondition_required")
        for other in ('"other"', f"W/{tag}", "nonsense"):
            failed = await player.patch(candidates, other)
            assert (failed.status, failed.body["code"]) == (412, "precondition_failed")
        assert (await player.patch(candidates, tag)).status == 204
        assert (await player.patch(candidates, f'"other", {tag}')).status == 204
        assert (await player.patch(candidates, "*")).status == 204, "the same names restart nothing"


async def test_a_restart_gets_new_names_and_a_new_tag(server: ServerUnderTest) -> None:
    async with streams(server) as [player]:
        await player.watch(await server.open_link())
        tag = player.reply.headers["ETag"]
        reply = await player.patch(NEW_NAMES, "*")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == FRAGMENT
        lines = reply.text.split("\r\n")
        assert any(line.startswith("a=ice-ufrag:") for line in lines)
        assert any(line.startswith("a=ice-pwd:") for line in lines)
        assert any(line.startswith("a=candidate:") for line in lines)
        assert "a=mid:0" in lines
        assert reply.text not in player.reply.text
        assert reply.headers["ETag"] != tag
        assert (await player.patch(NEW_NAMES, tag)).status == 412
        assert (await player.patch(NEW_NAMES, reply.headers["ETag"])).status == 204


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a=ice-ufrag:x\r\na=ice-pwd:y\r\n", 422),
        ("a=ice-ufrag:anew\r\n", 422),
        ("\x00", 400),
        ("m=\r\n", 400),
    ],
)
async def test_a_fragment_that_cannot_be_read_ends_nothing(
    server: ServerUnderTest, text: str, status: int
) -> None:
    async with streams(server) as [player]:
        await player.watch(await server.open_link())
        assert (await player.patch(text, "*")).status == status
        assert (await player.delete()).status == 200


async def test_patches_are_limited_as_joins_are(tmp_path: Path) -> None:
    async with start_server(tmp_path, joins_per_minute=3) as server, streams(server) as [player]:
        await player.watch(await server.open_link())
        statuses = [(await player.patch(NEW_NAMES, None)).status for _ in range(3)]
        assert statuses == [428, 428, 429]
        assert (await player.delete()).status == 200


async def test_a_stream_nobody_opened_is_not_found(server: ServerUnderTest) -> None:
    for method in ("PATCH", "DELETE"):
        headers = {"Content-Type": FRAGMENT, "If-Match": "*"}
        reply = await server.ask(method, "/api/streams/unknown", data="", headers=headers)
        assert (reply.status, reply.body["code"]) == (404, "unknown_stream")


# ---- what is not there, and pages of other origins


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_what_the_texts_reserve_is_refused(server: ServerUnderTest, method: str) -> None:
    async with streams(server) as [player]:
        link = await server.open_link()
        await player.watch(link)
        for path in (player.path, "/api/whep", f"/api/whep/{server.token(link)}", "/api/whip"):
            assert (await server.ask(method, path)).status == 405


async def test_pages_of_any_origin_may_ask_and_read(server: ServerUnderTest) -> None:
    link = await server.open_link()
    way = await server.ask("OPTIONS", f"/api/whep/{server.token(link)}")
    assert way.status == 204
    assert way.headers["Accept-Post"] == SDP
    assert way.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    async with streams(server) as [player]:
        await player.watch(link)
        stream = await server.ask("OPTIONS", player.path)
        assert stream.headers["Access-Control-Allow-Methods"] == "PATCH, DELETE, OPTIONS"
        refused = await player.patch("", None)
        for reply in (way, stream, player.reply, refused):
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in reply.headers
            assert {"Location", "ETag", "Link"} <= set(
                reply.headers["Access-Control-Expose-Headers"].split(", ")
            )
    assert "Access-Control-Allow-Origin" not in (await server.join(link)).headers
