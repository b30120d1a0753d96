"""What is featured: for players that receive one picture and one sound, where a browser has the whole stage.

    picture   a shared screen, then who spoke last, then the others by their places, then the programme
    sound     who spoke last, then the others by their places, then the programme

While the stage is closed that is the programme alone.  Slots from `SLOTS` on carry this order: who has one
slot of a kind gets the first, who has more the next ones, too, and nothing twice.
"""

from __future__ import annotations

from media.engine import Kind, TrackId
from room_server.room.stage import SLOTS, Stage


def layout(stage: Stage, kind: Kind, programme: TrackId | None) -> tuple[TrackId | None, ...]:
    """Return the track of each slot: those of `Stage.layout`, then what is featured."""
    ranked = ranking(stage, kind, programme)
    return (*stage.layout(kind, programme), *ranked, *[None] * (SLOTS - len(ranked)))


def ranking(stage: Stage, kind: Kind, programme: TrackId | None) -> tuple[TrackId, ...]:
    """Return what is forwarded of `kind`, what matters most first."""
    carried = stage.carried(kind)
    here = sorted(
        (
            kind is Kind.VIDEO and one.person_id not in stage.screens,
            stage.spoke.index(one.person_id) if one.person_id in stage.spoke else SLOTS,
            one.place,
        )
        for one in stage.people
        if one.place in carried
    )
    people = tuple(carried[place] for *_, place in here)
    return people if programme is None else (*people, programme)
