"""The interface's own documentation: `/api/openapi.json` for programs, `/api/docs` for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from room_server import __version__
from room_server.http import language
from room_server.http.needs import Needs
from room_server.http.openapi import document
from room_server.http.operations import HTML, Operation, Reply
from room_server.http.pages import Pages


class Docs:
    """Documents `operations` and itself."""

    def __init__(self, operations: Sequence[Operation], pages: Pages) -> None:
        self._pages = pages
        own = (
            Operation(
                name="openapi",
                method="GET",
                path="/api/openapi.json",
                needs=Needs.NOTHING,
                summary="This document",
                handler=self._openapi,
                replies={200: Reply("OpenAPI 3.1")},
            ),
            Operation(
                name="docs",
                method="GET",
                path="/api/docs",
                needs=Needs.NOTHING,
                summary="This document as a page",
                handler=self._docs,
                replies={200: Reply("A page", HTML)},
            ),
        )
        self.operations = (*operations, *own)
        self._document = document(self.operations, __version__)

    async def _openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def _docs(self, request: web.Request) -> web.Response:
        schemas = self._document["components"]["schemas"]
        facts: dict[str, object] = {
            "document": self._document,
            "operations": self.operations,
            "schema": lambda model: _pretty(schemas[model.__name__]),
        }
        return self._pages.render(request, "docs.html", language.of(request), facts)


def _pretty(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
