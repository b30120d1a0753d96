"""What the measured server is given: sessions and links, made by the product's services beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playback.timeline import Timeline
from room_server.access.rules import Role
from room_server.access.service import Access
from room_server.access.tokens import ServerKey
from room_server.accounts.service import Workspaces
from room_server.cluster.node import Node
from room_server.config import Settings
from room_server.demo.film import FilmPlan
from room_server.demo.workspace import place_assets
from room_server.errors import Refused
from room_server.events.service import EventPlan, Events, RoomType, SessionPlan
from room_server.room.plan import Plans
from room_server.storage import Database

_PLANNED_LENGTH_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session that starts `starts_in_s` from now; rooms open a quarter of an hour before.

    `film` is what an automated one plays; without, its timeline is empty.
    """

    room_type: RoomType
    starts_in_s: float
    participants: int
    film: FilmPlan | None = None


@dataclass(frozen=True, slots=True)
class Furnished:
    """A session with the tokens of its one host and of its participants."""

    starts_at: datetime
    host: str
    participants: tuple[str, ...]


class _NoNode:
    """Making links needs no node."""

    def current(self) -> Node:
        raise Refused("node_away", 503)


async def furnish(settings: Settings, key: ServerKey, wanted: Sequence[Wanted]) -> tuple[Furnished, ...]:
    """Make the sessions in the data folder of a running server with that key; it sees them in a second."""
    database = await Database.attach(settings.database_path)
    try:
        workspace_id = await Workspaces(database).create("Bench")
        events = Events(database)
        event_id = await events.create_event(workspace_id, EventPlan(title="Bench"))
        access = Access(database, key, _NoNode())
        furnished = []
        for one in wanted:
            plan = SessionPlan(
                room_type=one.room_type,
                starts_at=datetime.now(UTC) + timedelta(seconds=one.starts_in_s),
                time_zone="Europe/Paris",
                planned_length_s=_PLANNED_LENGTH_S,
            )
            session = await events.create_session(event_id, plan)
            if one.film is not None:
                place_assets(one.film, settings.assets_dir)
                # Its CTA is the demo's own; the bench shows none.
                await Plans(database).save(session.session_id, Timeline(one.film.timeline.media, ()))
            host = await access.issue_link(session.session_id, "Host", Role.HOST, "en")
            people = [
                await access.issue_link(session.session_id, f"Viewer {number}", Role.PARTICIPANT, "en")
                for number in range(one.participants)
            ]
            tokens = tuple(access.token(person) for person in people)
            furnished.append(Furnished(plan.starts_at, access.token(host), tokens))
        return tuple(furnished)
    finally:
        await database.close()
