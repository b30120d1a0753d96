"""`room-server accounts` and `room-server access-requests`: the first owner, and who else may host (GOV-5).

A server may be running on the same data: the rows are written, and it sends the letters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from room_server.accounts.composition import Accounts, accounts
from room_server.accounts.rules import AccessRequest, HostAccess, RequestState
from room_server.addresses import spoken
from room_server.config import Settings
from room_server.http.texts import texts
from room_server.ids import AccessRequestId
from room_server.jobs.service import Jobs
from room_server.mail.outbox import Outbox
from room_server.storage import Database

Print = Callable[[str], None]


async def create(
    settings: Settings, email: str, workspace: str, name: str, language: str, say: Print
) -> None:
    """Make an owner and print a link by which they sign in, once.

    Raises `Refused`: `address_invalid`, `name_invalid`, and as `Database.attach`.
    """
    async with _open(settings) as found:
        link = await found.hosting.create_owner(email, workspace, name, language)
    say(texts().page("console.account.created", language, email=email, workspace=workspace))
    say(link)


async def list_requests(settings: Settings, language: str, say: Print) -> None:
    """Print a line a request, those that wait first."""
    async with _open(settings) as found:
        requests = await found.hosting.requests()
    for request in sorted(requests, key=lambda one: one.state is not RequestState.PENDING):
        say(_line(request, language))


async def grant(settings: Settings, request_id: str, language: str, say: Print) -> None:
    """Grant a request and say so.  Raises `Refused`: `unknown_request`, `already_answered`."""
    async with _open(settings) as found:
        asked = await found.hosting.grant(AccessRequestId(request_id))
    say(texts().page("console.request.granted", language, email=asked.address.email))


async def refuse(settings: Settings, request_id: str, language: str, say: Print) -> None:
    """Refuse a request and say so.  Raises as `grant`."""
    async with _open(settings) as found:
        asked = await found.hosting.refuse(AccessRequestId(request_id))
    say(texts().page("console.request.refused", language, email=asked.address.email))


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Accounts]:
    database = await Database.attach(settings.database_path)
    outbox = Outbox(database, Jobs(database), settings.mail_domain)
    url = _url(settings)
    found = accounts(database, outbox, HostAccess(settings.host_access), lambda: url)
    try:
        yield found
    finally:
        found.close()
        await database.close()


def _url(settings: Settings) -> str:
    """Return where browsers find the server that these settings start."""
    scheme = "http" if settings.tls_certificate is None else "https"
    return settings.origin or f"{scheme}://{spoken(settings.host)}:{settings.port}"


def _line(request: AccessRequest, language: str) -> str:
    state = texts().page(f"console.request.state.{request.state.value}", language)
    who = f"{request.name} <{request.address.email}>, {request.organisation}"
    said = " ".join(request.message.split())
    asked_at = f"{request.created_at:%Y-%m-%d %H:%M} UTC"
    return f"{request.request_id}  {state:<10} {asked_at}  {who}{f': {said}' if said else ''}"
