"""Who calls, and whether they may: what every operation needs is checked here, before its handler runs.

    unsafe method ─► from a page of ours? ─► cookie ─► who ─► role in the workspace of the path ─► handler
                     no: cross_site          none: sign_in_needed    none: unknown_workspace
                                             (a page: to the form)   too low: role_needed

Where a request comes from is what the browser says of it (Sec-Fetch-Site, else Origin); a request that says
neither comes from no page, and forms bring a word of ours besides (`Forms`).
Invariants: a workspace that one does not belong to is not told from one that is not there; the answer to a
request that was refused here does not depend on its body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

from room_server.accounts import rules
from room_server.accounts.rules import Account, Role, SignIn
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.team import Team
from room_server.errors import Refused
from room_server.http import headers, language
from room_server.http.needs import SAFE, Needs
from room_server.http.operations import WORKSPACE
from room_server.http.problem import wants_page
from room_server.ids import WorkspaceId

_SIGN_IN = "sign-in"
_HOST_ONLY = "__Host-"
_ROLES: Mapping[Needs, Role] = {
    Needs.MEMBER: Role.MEMBER,
    Needs.ADMIN: Role.ADMIN,
    Needs.OWNER: Role.OWNER,
}


@dataclass(frozen=True, slots=True)
class Who:
    """Who calls, by which sign-in; `role` in the workspace of the path, where it names one."""

    account: Account
    sign_in: SignIn
    cookie: str = field(repr=False)
    role: Role | None = None


WHO = web.RequestKey("who", Who)


class Guard:
    """Refuses what may not be."""

    def __init__(self, signing_in: SigningIn, team: Team) -> None:
        self._signing_in = signing_in
        self._team = team

    async def __call__(self, request: web.Request, needs: Needs) -> None:
        """Let pass who has what is needed, with `request[WHO]` set if they are signed in.

        Raises `Refused`: `cross_site`, `sign_in_needed`, `unknown_workspace`, `role_needed`; sends who opens
        a page without being signed in to the form.
        """
        if not needs.by_cookie:
            return
        if request.method not in SAFE:
            _check_same_site(request)
        cookie = sign_in_cookie(request)
        found = None if cookie is None else await self._signing_in.who(cookie)
        if found is not None and cookie is not None:
            request[WHO] = Who(found[1], found[0], cookie)
            request[language.OF_ACCOUNT] = found[1].language
        if needs is Needs.VISITOR:
            return
        if found is None:
            raise _sign_in_needed(request)
        if needs.of_workspace:
            await self._check_role(request, needs)

    async def _check_role(self, request: web.Request, needs: Needs) -> None:
        who = request[WHO]
        workspace_id = WorkspaceId(request.match_info[WORKSPACE])
        role = await self._team.role(workspace_id, who.account.account_id)
        if role is None:
            raise Refused("unknown_workspace", 404)
        if not role.includes(_ROLES[needs]):
            raise Refused("role_needed", 403, {"role": _ROLES[needs]})
        request[WHO] = Who(who.account, who.sign_in, who.cookie, role)


def visitor(request: web.Request) -> Who | None:
    """Return who calls, if they are signed in."""
    return request.get(WHO)


def _check_same_site(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site.lower() != "same-origin":
            raise Refused("cross_site", 403)
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != _own_origin(request):
        raise Refused("cross_site", 403)


def _own_origin(request: web.Request) -> str:
    return request.app[headers.ADDRESSES].origin(request).lower()


def _sign_in_needed(request: web.Request) -> Exception:
    if request.method in SAFE and wants_page(request):
        wanted = quote(rules.local_path(request.path_qs, "/"), safe="/")
        return web.HTTPSeeOther(f"/sign-in?next={wanted}")
    return Refused("sign_in_needed", 401)


# ---- the cookie


def sign_in_cookie(request: web.Request) -> str | None:
    """Return the cookie by which a browser is signed in.

    Where we are reached by TLS only one counts that no other host and no plain connection can have set
    (RFC 6265bis, section 4.1.3.2).
    """
    return request.cookies.get(cookie_name(request, _SIGN_IN))


def cookie_name(request: web.Request, name: str) -> str:
    return f"{_HOST_ONLY}{name}" if headers.is_secure(request) else name


def set_sign_in_cookie(request: web.Request, response: web.Response, cookie: str) -> None:
    lasts_s = int(rules.SIGN_IN_LASTS.total_seconds())
    set_cookie(request, response, _SIGN_IN, cookie, lasts_s)


def drop_sign_in_cookie(request: web.Request, response: web.Response) -> None:
    drop_cookie(request, response, _SIGN_IN)


def drop_cookie(request: web.Request, response: web.Response, name: str) -> None:
    response.del_cookie(
        cookie_name(request, name),
        path="/",
        secure=headers.is_secure(request),
        httponly=True,
        samesite="Lax",
    )


def set_cookie(
    request: web.Request, response: web.Response, name: str, value: str, lasts_s: int | None
) -> None:
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=lasts_s,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=headers.is_secure(request),
    )
