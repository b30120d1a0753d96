"""Pages rendered by the server, from templates that escape what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from room_server.http import headers, language
from room_server.http.texts import LANGUAGES, texts

FOLDER = Path(__file__).with_name("templates")
_COOKIE_LASTS_S = 365 * 24 * 3600


class Pages:
    """Renders the templates of a folder; `styles` are the addresses of the built style sheets."""

    def __init__(self, styles: Sequence[str] = (), folder: Path = FOLDER) -> None:
        self._styles = styles
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self, request: web.Request, template: str, reader: str, facts: dict[str, object], status: int = 200
    ) -> web.Response:
        """Return the page in `reader`'s language; all templates get what stands below."""
        text = self._templates.get_template(template).render(
            lang=reader,
            languages=LANGUAGES,
            styles=self._styles,
            nonce=headers.nonce(request),
            t=partial(_text, reader),
            **facts,
        )
        response = web.Response(
            text=text, content_type="text/html", status=status, headers={"Content-Language": reader}
        )
        if chosen := language.chosen(request):
            response.set_cookie(
                language.COOKIE,
                chosen,
                max_age=_COOKIE_LASTS_S,
                samesite="Lax",
                secure=headers.is_secure(request),
            )
        return response


PAGES = web.AppKey("pages", Pages)
"""Where the public application keeps them; the private one has none."""


def _text(reader: str, key: str, **facts: object) -> str:
    return texts().page(key, reader, **facts)
