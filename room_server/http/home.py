"""What stands at `/`: a page that says what this server is and how one enters.

Invariant: it names no event, session or person, since who comes here holds no link.
"""

from __future__ import annotations

from aiohttp import web

from room_server.http import language
from room_server.http.operations import HTML, Operation, Reply
from room_server.http.pages import Pages

TEMPLATE = "home.html"


class Home:
    """The page at `/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.operations = (
            Operation(
                name="home",
                method="GET",
                path="/",
                summary="What this server is",
                description="Lists nothing: one enters by a personal link.",
                handler=self._page,
                replies={200: Reply("A page", HTML)},
            ),
        )

    async def _page(self, request: web.Request) -> web.Response:
        return self._pages.render(request, TEMPLATE, language.of(request), {})
