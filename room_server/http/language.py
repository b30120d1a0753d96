"""Which language a reader gets: what they chose now, what they chose before, what their browser asks for.

?lang= ─► cookie `lang` ─► their account's ─► Accept-Language (RFC 9110, section 12.5.4) ─► the caller's wish
"""

from __future__ import annotations

from aiohttp import web

from room_server.http.texts import DEFAULT_LANGUAGE, LANGUAGES

COOKIE = "lang"
OF_ACCOUNT = web.RequestKey("language_of_account", str)
"""Set on the request of who is signed in."""
_LONGEST_HEADER = 500


def chosen(request: web.Request) -> str | None:
    """Return the language that the address asks for, if it is one of ours."""
    wanted = request.query.get("lang", "").lower()
    return wanted if wanted in LANGUAGES else None


def of(request: web.Request, wish: str = DEFAULT_LANGUAGE) -> str:
    """Return the reader's language; `wish` is what to assume of one who says nothing we speak."""
    kept = request.cookies.get(COOKIE, "").lower()
    if language := chosen(request) or (kept if kept in LANGUAGES else None):
        return language
    if OF_ACCOUNT in request:
        return request[OF_ACCOUNT]
    return accepted(request.headers.get("Accept-Language", "")) or wish


def accepted(header: str) -> str | None:
    """Return the language of ours with the highest quality, the first among equals, if any is accepted."""
    best: tuple[float, str] | None = None
    for part in header[:_LONGEST_HEADER].split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().partition("-")[0].lower()
        weight = quality(parameters)
        if language in LANGUAGES and weight > 0 and (best is None or weight > best[0]):
            best = (weight, language)
    return best[1] if best else None


def quality(parameters: str) -> float:
    """Return the weight that `q=` gives (RFC 9110, section 12.4.2); 1 without one, 0 for nonsense."""
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
