"""What the demo workspace holds: an automated session, a live one, and one whose chat is moderated.

Invariant: a data folder gets the workspace once and whole, in one transaction; later starts go on with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from playback.timeline import Timeline, length_s
from room_server.access.rules import Link, Role
from room_server.access.service import Access
from room_server.accounts.composition import Accounts
from room_server.accounts.service import Workspaces
from room_server.demo.film import FilmPlan
from room_server.events.service import ChatMode, EventPlan, Events, RoomType, Session, SessionPlan
from room_server.http.texts import DEFAULT_LANGUAGE, texts
from room_server.ids import CtaId, WorkspaceId
from room_server.room.course import Cta
from room_server.room.plan import Plans
from room_server.storage import Database, Transaction

NAME = "Demo"
ZONE = "Europe/Paris"
HOST = "Zoé Martin"
OWNER_EMAIL = "zoe@example.org"
PEOPLE = ("Camille", "Noah", "Inès", "Liam", "Jeanne", "Oscar", "Salomé", "Milo")
LIVE_LASTS_S = 3_600.0

_FIRST_SESSION = "https://example.org/room-server/first-session"


@dataclass(frozen=True, slots=True)
class Wish:
    """`participants`: links for them in each session; the automated session starts in `starts_in_s`.

    Titles, the call to action and the links speak `language`.
    """

    participants: int = 3
    starts_in_s: float = 20.0
    language: str = DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class DemoSession:
    """One session with its links, as addresses."""

    session: Session
    links: dict[str, list[str]] = field(repr=False)
    people: dict[str, list[str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Demo:
    """The workspace as it stands; `found` when it was in the data folder before."""

    sessions: Sequence[DemoSession]
    found: bool
    owner: Owner


@dataclass(frozen=True, slots=True)
class Owner:
    """Who signs in; `password` is made of the server's own key, so that it stays the folder's."""

    email: str
    password: str = field(repr=False)


class DemoWorkspace:
    """Makes and finds the workspace, with the same services that organisers will use."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        workspaces: Workspaces,
        events: Events,
        plans: Plans,
        access: Access,
        owner: Owner,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._owner = owner
        self._workspaces = workspaces
        self._events = events
        self._plans = plans
        self._access = access

    async def exists(self) -> bool:
        return await self._workspaces.named(NAME) is not None

    async def make(self, film: FilmPlan, wish: Wish) -> None:
        """Make the workspace; the automated session's start counts from the commit."""
        async with self._database.transaction() as tx:
            await self._accounts.hosting.create_owner_in(tx, self._owner.email, NAME, HOST, wish.language)
            workspace_id = await self._workspaces.named_in(tx, NAME)
            assert workspace_id is not None, "it was made just now"
            soon = tx.now + timedelta(seconds=wish.starts_in_s)
            automated = SessionPlan(
                room_type=RoomType.AUTOMATED,
                starts_at=soon,
                time_zone=ZONE,
                planned_length_s=length_s(film.timeline),
            )
            title = EventPlan(title=_say(wish, "event.film"), accent="#8a3b12")
            session = await self._session(tx, workspace_id, title, automated, wish)
            await self._plans.save_in(tx, session.session_id, _titled(film.timeline, wish), (_cta(wish),))
            for title, mode in (
                (EventPlan(title=_say(wish, "event.live"), accent="#1f6f78"), ChatMode.OPEN),
                (EventPlan(title=_say(wish, "event.moderated"), accent="#5b3f8c"), ChatMode.MODERATED),
            ):
                live = SessionPlan(
                    room_type=RoomType.LIVE,
                    starts_at=soon,
                    time_zone=ZONE,
                    planned_length_s=LIVE_LASTS_S,
                    chat_mode=mode,
                )
                await self._session(tx, workspace_id, title, live, wish)

    async def let_in(self) -> None:
        """Give the owner their password; a demo of before accounts gets its owner here."""
        await self._accounts.hosting.create_owner(self._owner.email, NAME, HOST, DEFAULT_LANGUAGE)
        await self._accounts.signing_in.give_password(self._owner.email, self._owner.password)

    async def read(self, url: str, *, found: bool) -> Demo:
        """Return the workspace with its links under `url`."""
        workspace_id = await self._workspaces.named(NAME)
        assert workspace_id is not None
        sessions = []
        for session in await self._events.of_workspace(workspace_id):
            links = await self._access.links(session.session_id)
            sessions.append(
                DemoSession(
                    session,
                    {role.value: [self._address(url, link) for link in _of(links, role)] for role in _ROLES},
                    {role.value: [link.name for link in _of(links, role)] for role in _ROLES},
                )
            )
        return Demo(sessions, found, self._owner)

    async def _session(
        self, tx: Transaction, workspace_id: WorkspaceId, event: EventPlan, plan: SessionPlan, wish: Wish
    ) -> Session:
        event_id = await self._events.create_event_in(tx, workspace_id, event)
        session = await self._events.create_session_in(tx, event_id, plan)
        language = wish.language
        await self._access.issue_link_in(tx, session.session_id, HOST, Role.HOST, language)
        for number in range(wish.participants):
            name = _name(number)
            await self._access.issue_link_in(tx, session.session_id, name, Role.PARTICIPANT, language)
        return session

    def _address(self, url: str, link: Link) -> str:
        return f"{url}/a/{self._access.token(link)}"


_ROLES = (Role.HOST, Role.PARTICIPANT)


def place_assets(film: FilmPlan, assets_dir: Path) -> None:
    """Let the data folder's assets lead to the film, wherever it lies now."""
    assets_dir.mkdir(parents=True, exist_ok=True)
    for asset_id, folder in film.folders.items():
        draft = assets_dir / f".{asset_id}.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder)
        os.replace(draft, assets_dir / asset_id)


def _titled(timeline: Timeline, wish: Wish) -> Timeline:
    """Return the film's timeline with its titles in the language that is wished."""
    media = tuple(replace(item, title=_say(wish, f"film.{item.asset_id}")) for item in timeline.media)
    return replace(timeline, media=media)


def _cta(wish: Wish) -> Cta:
    return Cta(
        cta_id=CtaId("demo-cta"),
        title=_say(wish, "cta.title"),
        text=_say(wish, "cta.text"),
        label=_say(wish, "cta.label"),
        url=_FIRST_SESSION,
    )


def _say(wish: Wish, key: str) -> str:
    return texts().page(f"demo.{key}", wish.language)


def _of(links: Sequence[Link], role: Role) -> list[Link]:
    return [link for link in links if link.role is role]


def _name(number: int) -> str:
    again, place = divmod(number, len(PEOPLE))
    return PEOPLE[place] if again == 0 else f"{PEOPLE[place]} {again + 1}"
