"""What stands at `/`: a page that says what this server is and how one enters.

Invariant: it names no event, session or person, since who comes here holds no link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from room_server.http import language
from room_server.http.needs import Needs
from room_server.http.operations import HTML, Operation, Reply
from room_server.http.pages import Pages

TEMPLATE = "home.html"


@dataclass(frozen=True, slots=True)
class Link:
    """`text` is a key of the catalogue."""

    href: str
    text: str


class Home:
    """The page at `/`."""

    def __init__(self, pages: Pages, links: Sequence[Link] = ()) -> None:
        self._pages = pages
        self._links = links
        self.operations = (
            Operation(
                name="home",
                method="GET",
                path="/",
                needs=Needs.NOTHING,
                summary="What this server is",
                description="Lists nothing: one enters by a personal link.",
                handler=self._page,
                replies={200: Reply("A page", HTML)},
            ),
        )

    async def _page(self, request: web.Request) -> web.Response:
        return self._pages.render(request, TEMPLATE, language.of(request), {"links": self._links})
