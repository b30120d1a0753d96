"""Headers of every answer: links are secrets, so nothing is kept, framed or referred to.

Invariant: an answer is not stored by anybody unless its handler says so (the hashed static files do), and no
page runs a script that this server did not ship.
"""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus

from aiohttp import web

from room_server.http.address import Addresses

ADDRESSES = web.AppKey("addresses", Addresses)
NONCE = web.RequestKey("csp_nonce", str)
EXPOSED = web.RequestKey("exposed_headers", str)

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+\Z")
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self' {sockets}; "
    "media-src 'self' blob: mediastream:; worker-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-src {frames}; frame-ancestors 'none'"
)
_ALWAYS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), "
    "autoplay=(self), geolocation=(), payment=(), usb=(), interest-cohort=()",
}


def nonce(request: web.Request) -> str:
    """Return the word that lets one inline style of this answer apply."""
    if NONCE not in request:
        request[NONCE] = secrets.token_urlsafe(16)
    return request[NONCE]


def is_secure(request: web.Request) -> bool:
    """Tell whether the client reached us by TLS, ours or a trusted proxy's."""
    return request.app[ADDRESSES].origin(request).startswith("https://")


def allow_any_origin(request: web.Request, exposed: str) -> None:
    """Let pages of any origin read the answer, with those of its headers.

    Only for what identifies by a secret that the page has to know, never by what the browser adds itself.
    """
    request[EXPOSED] = exposed


def page_policy(request: web.Request, frames: str = "'none'") -> str:
    """Return what a page of ours may load, and of what it may have frames."""
    scheme, _, host = request.app[ADDRESSES].origin(request).partition("://")
    sockets = f"{'wss' if scheme == 'https' else 'ws'}://{host}" if _HOST.match(host) else ""
    return _PAGE.format(nonce=nonce(request), sockets=sockets, frames=frames)


async def add(request: web.Request, response: web.StreamResponse) -> None:
    """Complete `response`, just before it is sent."""
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return  # no browser reads them there, and a socket's would stay in memory as long as it
    headers = response.headers
    if EXPOSED in request:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = request[EXPOSED]
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers["Server"] = "room-server"  # versions help nobody but who looks for holes
    headers.setdefault("Cache-Control", "no-store")
    if response.content_type == "text/html":
        headers.setdefault("Content-Security-Policy", page_policy(request))
    else:
        headers.setdefault("Content-Security-Policy", _CLOSED)
    if is_secure(request):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
