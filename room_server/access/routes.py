"""The access page and *Join*.

Invariant: `GET` and `HEAD` change nothing however often, so that mail scanners may open links; only the
press, a `POST` with JSON, takes the seat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from room_server.access.device import describe
from room_server.access.rules import PageState, Role, TakeOver
from room_server.access.service import Access, LinkView
from room_server.access.turn import Turn
from room_server.errors import Refused
from room_server.events.rules import Session
from room_server.http import language
from room_server.http.address import Addresses
from room_server.http.health import Readiness
from room_server.http.limits import JoinRate
from room_server.http.metrics import HttpMetrics
from room_server.http.needs import Needs
from room_server.http.operations import HTML, Operation, Reply, read_body
from room_server.http.pages import Pages
from room_server.http.static import Entry
from room_server.http.texts import DEFAULT_LANGUAGE

TEMPLATE = "access.html"
ENTRY = "src/access/main.ts"

_STATUS = {
    PageState.UNKNOWN: 404,
    PageState.REVOKED: 410,
    PageState.CANCELLED: 410,
    PageState.OVER: 410,
}


class JoinRequest(BaseModel):
    """`device_key`: random, kept by the browser; `take_over`: move the seat from another device."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=256)
    device_key: str = Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")
    take_over: StrictBool = False


class JoinedRoom(BaseModel):
    """The room that was joined."""

    session_id: str
    title: str | None
    event_title: str


class IceServer(BaseModel):
    """As a browser's `RTCIceServer`."""

    urls: list[str]
    username: str
    credential: str


class JoinReply(BaseModel):
    """Connect Socket.IO at `signalling_url`, path /socket.io, namespace /room, auth {"ticket"}.

    The ticket is for one use within ten seconds.  `ice_servers`: the TURN server, where there is one.
    """

    signalling_url: str
    ticket: str
    ice_servers: list[IceServer]
    room: JoinedRoom


class Aftermath(Protocol):
    """What a link's page shows besides once its session is over; None when it is nothing to this link."""

    async def on_page(self, token: str, view: LinkView, reader: str) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the routes need besides the service."""

    pages: Pages
    entry: Entry
    rate: JoinRate
    turn: Turn
    addresses: Addresses
    readiness: Readiness
    metrics: HttpMetrics
    log: Aftermath


class AccessRoutes:
    """Handlers of the access page and of joining."""

    def __init__(self, access: Access, around: Surroundings) -> None:
        self._access = access
        self._around = around

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="access_page",
                method="GET",
                path="/a/{token}",
                needs=Needs.LINK,
                summary="The access page of a link",
                description="Changes nothing, however often it is opened.",
                handler=self.page,
                parameters={"token": "The link's secret"},
                replies={
                    200: Reply("The page; it says whether the room is open", HTML),
                    404: Reply("A page that says that the link leads nowhere", HTML),
                    410: Reply("A page that says that the link or the session has ended", HTML),
                },
            ),
            Operation(
                name="join",
                method="POST",
                path="/api/join",
                needs=Needs.LINK,
                summary="Take the seat of a link",
                description="Repeat it with the same device_key at each reconnection.",
                handler=self.join,
                body=JoinRequest,
                replies={200: Reply("The seat is taken", model=JoinReply)},
                refusals={
                    400: ("malformed",),
                    403: ("removed",),
                    404: ("unknown_link",),
                    408: ("too_slow",),
                    409: ("seat_taken",),
                    410: ("link_revoked", "session_cancelled", "session_over"),
                    413: ("too_large",),
                    415: ("unsupported_media_type",),
                    423: ("link_frozen",),
                    425: ("not_open_yet",),
                    429: ("rate_limited",),
                    503: ("room_full", "storage_full", "storage_away", "node_away", "shutting_down"),
                },
            ),
        )

    async def page(self, request: web.Request) -> web.Response:
        """Show what the link leads to."""
        token = request.match_info["token"]
        view = await self._access.view(token)
        reader = language.of(request, view.link.language if view.link else DEFAULT_LANGUAGE)
        facts = _facts(view)
        entry = self._around.entry
        context: dict[str, object] = {
            **facts,
            "page": {**{name: _json(fact) for name, fact in facts.items()}, "lang": reader},
            "entry_js": entry.script,
            "entry_css": entry.styles,
            "preloads": entry.preloads,
            "log": await self._around.log.on_page(token, view, reader),
        }
        return self._around.pages.render(request, TEMPLATE, reader, context, _STATUS.get(view.state, 200))

    async def join(self, request: web.Request) -> web.Response:
        """Take the seat, or say why not."""
        around = self._around
        address = around.addresses.client(request)
        try:
            await around.rate.check(address)
            around.readiness.require()
            body = await read_body(request, JoinRequest)
            taken = await self._access.take_seat(
                body.token,
                body.device_key,
                TakeOver.MOVE if body.take_over else TakeOver.ASK,
                describe(request.headers.get("User-Agent", "")),
            )
        except Refused as refused:
            around.metrics.count_join(refused.code)
            if refused.code == "unknown_link":
                await around.rate.wrong_link(address)
            raise
        around.metrics.count_join("taken")
        reply = JoinReply(
            signalling_url=around.addresses.origin(request),
            ticket=taken.ticket,
            ice_servers=[
                IceServer(urls=list(one.urls), username=one.username, credential=one.credential)
                for one in around.turn.servers(datetime.now(UTC))
            ],
            room=_room(taken.session),
        )
        return web.Response(text=reply.model_dump_json(), content_type="application/json")


def _room(session: Session) -> JoinedRoom:
    return JoinedRoom(session_id=session.session_id, title=session.title, event_title=session.event_title)


def _facts(view: LinkView) -> dict[str, object]:
    link, session = view.link, view.session
    return {
        "state": view.state.value,
        "event_title": session.event_title if session else None,
        "session_title": session.title if session else None,
        "starts_at": session.starts_at if session else None,
        "opens_at": session.opens_at if session else None,
        "ended_at": session.ended_at if session else None,
        "on_air": session is not None and session.state.value == "on_air",
        "time_zone": session.time_zone if session else None,
        "room_type": session.room_type.value if session else None,
        "accent": session.accent if session else None,
        "name": link.name if link else None,
        "role": link.role.value if link else None,
        "may_publish": link is not None and link.role is not Role.PARTICIPANT,
        "token_in_path": True,
    }


def _json(fact: object) -> object:
    return fact.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(fact, datetime) else fact
