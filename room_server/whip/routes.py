"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) over HTTP.

    POST /api/whep[/{token}], /api/whip[/{token}]   offer ──► 201, answer, Location, ETag
    PATCH {Location}                                candidates ──► 204; a restart ──► 200 and a fragment
    DELETE {Location}                               200

The link's secret stands in the path or comes as a bearer token, and nothing else admits, so pages of any
origin may ask.  A stream's address is a secret of its own.

Invariant: `GET`, `HEAD` and `PUT` are refused with 405, as both texts ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType

from aiohttp import web

from room_server.access.device import describe
from room_server.access.rules import TakeOver
from room_server.access.turn import Turn
from room_server.errors import Refused
from room_server.http.address import Addresses
from room_server.http.headers import allow_any_origin
from room_server.http.health import Readiness
from room_server.http.limits import JoinRate
from room_server.http.metrics import HttpMetrics
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply, read_text
from room_server.whip.service import ANY, Opened, Stream, Streams, Wanted, Way

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
STREAM_PATH = "/api/streams/{stream_id}"

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,256}=*)", re.IGNORECASE)
_EXPOSED = "Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After"
_PREFLIGHT_LASTS_S = 86_400
_CREATED = {
    "Location": "The stream's address, for PATCH and DELETE",
    "ETag": "Names the ICE session",
    "Link": "A TURN server, of the relation ice-server, where there is one",
    "Accept-Patch": FRAGMENT,
}
_TAKING: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        400: ("malformed", "offer_refused"),
        401: ("no_token",),
        403: ("removed",),
        404: ("unknown_link",),
        408: ("too_slow",),
        409: ("seat_taken", "seat_moved"),
        410: ("link_revoked", "session_cancelled", "session_over"),
        413: ("too_large",),
        415: ("unsupported_media_type",),
        422: ("offer_refused",),
        423: ("link_frozen",),
        425: ("not_open_yet",),
        429: ("rate_limited",),
        503: ("room_full", "storage_full", "storage_away", "node_away", "shutting_down"),
    }
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the routes need besides the service."""

    rate: JoinRate
    turn: Turn
    addresses: Addresses
    readiness: Readiness
    metrics: HttpMetrics


class StreamRoutes:
    """Handlers of both ways and of what they open."""

    def __init__(self, streams: Streams, around: Surroundings) -> None:
        self._streams = streams
        self._around = around

    def operations(self) -> tuple[Operation, ...]:
        ways = (operation for way in Way for operation in self._of(way))
        return (
            *ways,
            self._patching(),
            self._deleting(),
            _asked_first(STREAM_PATH, "stream", _ASKED_OF_STREAM),
        )

    def _of(self, way: Way) -> tuple[Operation, ...]:
        async def open_one(request: web.Request) -> web.Response:
            return await self.open(way, request)

        summary, description = _WAYS[way]
        operations = []
        for path, name in ((f"/api/{way}", way.value), (f"/api/{way}/{{token}}", f"{way}_by_link")):
            operations += [
                Operation(
                    name=name,
                    method="POST",
                    path=path,
                    needs=Needs.LINK,
                    summary=summary,
                    description=description,
                    handler=open_one,
                    text_body=SDP,
                    parameters=_parameters(path),
                    query={"take_over": "“true” moves the seat from whatever holds it"},
                    headers={"Authorization": "“Bearer” and the link’s secret, unless the path has it"},
                    replies={201: Reply("Connecting; the body is the SDP answer", SDP, headers=_CREATED)},
                    refusals=_REFUSALS[way],
                ),
                _asked_first(path, name, _ASKED_OF_WAY),
            ]
        return tuple(operations)

    def _patching(self) -> Operation:
        return Operation(
            name="stream_patch",
            method="PATCH",
            path=STREAM_PATH,
            needs=Needs.LINK,
            summary="Candidates of the client, or a restart of ICE",
            description="Other credentials than before, with If-Match: *, are a restart.",
            handler=self.patch,
            text_body=FRAGMENT,
            parameters=_parameters(STREAM_PATH),
            headers={
                "If-Match": "The ETag of the present ICE session; * to restart",
                "Authorization": "May be left out; what is there must be right",
            },
            replies={
                204: Reply("Taken", None),
                200: Reply("ICE starts anew: our credentials and candidates", FRAGMENT, headers=_RESTARTED),
            },
            refusals={
                400: ("malformed", "offer_refused"),
                403: ("not_allowed",),
                404: ("unknown_stream",),
                408: ("too_slow",),
                409: ("seat_moved", "no_offer"),
                412: ("precondition_failed",),
                413: ("too_large",),
                415: ("unsupported_media_type",),
                422: ("offer_refused",),
                428: ("precondition_required",),
                429: ("rate_limited",),
            },
        )

    def _deleting(self) -> Operation:
        return Operation(
            name="stream_delete",
            method="DELETE",
            path=STREAM_PATH,
            needs=Needs.LINK,
            summary="End a stream and free its link's seat",
            handler=self.delete,
            parameters=_parameters(STREAM_PATH),
            headers={"Authorization": "May be left out; what is there must be right"},
            replies={200: Reply("Ended", None)},
            refusals={403: ("not_allowed",), 404: ("unknown_stream",)},
        )

    async def open(self, way: Way, request: web.Request) -> web.Response:
        """Take the link's seat and answer, or say why not."""
        allow_any_origin(request, _EXPOSED)
        around = self._around
        address = around.addresses.client(request)
        try:
            await around.rate.check(address)
            around.readiness.require()
            opened = await self._streams.open(await _wanted(way, request, address))
        except Refused as refused:
            around.metrics.count_join(refused.code)
            if refused.code == "unknown_link":
                await around.rate.wrong_link(address)
            raise
        around.metrics.count_join("taken")
        return self._created(request, opened)

    def _created(self, request: web.Request, opened: Opened) -> web.Response:
        stream, around = opened.stream, self._around
        path = STREAM_PATH.format(stream_id=stream.stream_id)
        answer = web.Response(
            status=201,
            body=opened.answer_sdp.encode(),
            content_type=SDP,
            headers={
                "Location": f"{around.addresses.origin(request)}{path}",
                "ETag": _etag(stream),
                "Accept-Patch": FRAGMENT,
            },
        )
        for server in around.turn.servers(datetime.now(UTC)):
            for url in server.urls:
                link = f'<{url}>; rel="ice-server"; username="{server.username}"; '
                answer.headers.add(
                    "Link", f'{link}credential="{server.credential}"; credential-type="password"'
                )
        return answer

    async def patch(self, request: web.Request) -> web.Response:
        """Take candidates, or start ICE anew."""
        allow_any_origin(request, _EXPOSED)
        await self._around.rate.check(self._around.addresses.client(request))
        stream = self._streams.get(request.match_info["stream_id"], _bearer(request))
        tags = request.if_match if "If-Match" in request.headers else None
        names = (
            None if tags is None else tuple(tag.value for tag in tags if tag.value == ANY or not tag.is_weak)
        )
        restarted = self._streams.patch(stream, names, await read_text(request, FRAGMENT))
        if restarted is None:
            return web.Response(status=204)
        headers = {"ETag": _etag(stream)}
        return web.Response(body=restarted.encode(), content_type=FRAGMENT, headers=headers)

    async def delete(self, request: web.Request) -> web.Response:
        """End the stream."""
        allow_any_origin(request, _EXPOSED)
        await self._streams.delete(request.match_info["stream_id"], _bearer(request))
        return web.Response()


async def _wanted(way: Way, request: web.Request, address: str) -> Wanted:
    token = request.match_info.get("token") or _bearer(request)
    if token is None:
        raise Refused("no_token", 401)
    agent = request.headers.get("User-Agent", "")
    device = f"{address}\n{agent}".encode(errors="surrogateescape")
    return Wanted(
        way=way,
        token=token,
        offer_sdp=await read_text(request, SDP),
        take_over=TakeOver.MOVE if request.query.get("take_over") == "true" else TakeOver.ALWAYS_ASK,
        device_key=f"stream {sha256(device).hexdigest()}",  # one device whenever it comes: nothing else tells
        device=describe(agent),
    )


def _bearer(request: web.Request) -> str | None:
    """The token of RFC 6750 section 2.1; None where there is none, or something else."""
    found = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    return found[1] if found else None


def _etag(stream: Stream) -> str:
    return f'"{stream.tag}"'


def _asked_first(path: str, name: str, says: Mapping[str, str]) -> Operation:
    """What browsers ask before they let a page of another origin ask."""

    async def answer(request: web.Request) -> web.Response:
        allow_any_origin(request, _EXPOSED)
        return web.Response(
            status=204,
            headers={
                **says,
                "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
                "Access-Control-Max-Age": str(_PREFLIGHT_LASTS_S),
            },
        )

    return Operation(
        name=f"{name}_options",
        method="OPTIONS",
        path=path,
        needs=Needs.NOTHING,
        summary="What may be asked here, by pages of any origin, too",
        handler=answer,
        parameters=_parameters(path),
        replies={204: Reply("See the headers", None)},
    )


def _parameters(path: str) -> Mapping[str, str]:
    named = {"token": "The link's secret", "stream_id": "The end of the stream's address"}
    return {name: text for name, text in named.items() if f"{{{name}}}" in path}


_REFUSALS: Mapping[Way, Mapping[int, tuple[str, ...]]] = {
    Way.WHEP: _TAKING,
    Way.WHIP: {**_TAKING, 403: ("removed", "not_allowed"), 409: (*_TAKING[409], "stage_full")},
}
_RESTARTED = {"ETag": "Names the new ICE session"}
_ASKED_OF_WAY = {"Access-Control-Allow-Methods": "POST, OPTIONS", "Accept-Post": SDP}
_ASKED_OF_STREAM = {"Access-Control-Allow-Methods": "PATCH, DELETE, OPTIONS", "Accept-Patch": FRAGMENT}
_WAYS = {
    Way.WHEP: (
        "Watch a room with a player (WHEP)",
        "One section that receives gets what is featured: the film, a shared screen, or who speaks. "
        "Further ones of the same kind get the others on the stage.",
    ),
    Way.WHIP: (
        "Publish to the stage with a program (WHIP, RFC 9725)",
        "With a link of a host or moderator, who stands on the stage from then on.",
    ),
}
