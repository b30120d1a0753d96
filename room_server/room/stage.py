"""The stage: who may publish, who is on it, and which receive slot carries whom.

    invited ──enter──► on stage ──leave──► off (a participant's invitation ends)
                        │    ▲
                  away ─┘    └─ back         connection lost, and there again, also after a restart
    hosts and moderators enter uninvited

A person keeps one place from entering to leaving, and place k is audio slot k and video slot k; slot 0 of
each kind is the programme's.  The place of somebody away is theirs until all others are taken.

Off air, and in an automated session while its timeline plays, the stage is *closed*: people may gather on it
(backstage), nothing of theirs is forwarded.

Invariant: no two people share a place; a slot carries only what a person on the stage publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from media.codecs import Codec
from media.engine import Kind, TrackId
from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.ids import PersonId
from room_server.room.permissions import is_team

SLOTS = 4
"""Receive slots of each kind: the programme's and three of the stage."""


class StageDoor(Enum):
    """Whether what is published on the stage is forwarded."""

    OPEN = auto()
    CLOSED = auto()


class Picture(StrEnum):
    """What somebody's video shows: a face may be cropped to fit its place, a screen may not."""

    CAMERA = "camera"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class OnStage:
    """Somebody on the stage, in their place from 1 on."""

    person_id: PersonId
    name: str
    place: int


@dataclass(frozen=True, slots=True)
class StageSlot:
    """A person on the stage as everyone hears of them; a slot is None while it carries nothing.

    `speaking`: their voice is heard, with the core's hysteresis.  `needs`: what it takes to see them, None
    for what everybody decodes.
    """

    person_id: PersonId
    name: str
    audio_slot: int | None
    video_slot: int | None
    muted: bool
    shows: Picture = Picture.CAMERA
    speaking: bool = False
    needs: Codec | None = None


@dataclass(frozen=True, slots=True)
class StageView:
    on_stage: tuple[StageSlot, ...]
    invited: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """`tracks` holds what each person publishes now, on the stage or not: the latest of each kind.

    `kept` are the places of those who are away, longest away first; `voices` the tracks that speak, `spoke`
    whoever was last heard, the latest first, `needs` the codecs of those whom not everybody can see.
    """

    people: tuple[OnStage, ...] = ()
    kept: tuple[tuple[PersonId, int], ...] = ()
    invited: frozenset[PersonId] = frozenset()
    muted: frozenset[PersonId] = frozenset()
    tracks: tuple[tuple[PersonId, Kind, TrackId], ...] = ()
    screens: frozenset[PersonId] = frozenset()
    voices: frozenset[TrackId] = frozenset()
    spoke: tuple[PersonId, ...] = ()
    needs: tuple[tuple[PersonId, Codec], ...] = ()
    door: StageDoor = StageDoor.CLOSED

    def is_on(self, person_id: PersonId) -> bool:
        return any(one.person_id == person_id for one in self.people)

    def may_publish(self, member: Admission) -> bool:
        who = member.person_id
        kept = any(one == who for one, _ in self.kept)
        return is_team(member.role) or who in self.invited or kept or self.is_on(who)

    def place_for(self, member: Admission) -> OnStage:
        """Return where `member` is to stand: their own place, a free one, or that of whoever is longest away.

        Raise `Refused` not_invited or stage_full.
        """
        if not self.may_publish(member):
            raise Refused("not_invited")
        places = {one.person_id: one.place for one in self.people} | dict(self.kept)
        free = (place for place in range(1, SLOTS) if place not in places.values())
        place = places.get(member.person_id) or next(free, None)
        if place is None and self.kept:
            place = self.kept[0][1]
        if place is None:
            raise Refused("stage_full")
        return OnStage(member.person_id, member.name, place)

    def stood(self, one: OnStage) -> Stage:
        """Return the stage with `one` in their place; who had kept it, or was back in it, has lost it."""
        if one in self.people:
            return self
        off = self.without(one.person_id)
        people = tuple(other for other in off.people if other.place != one.place)
        kept = tuple(place for place in off.kept if place[1] != one.place)
        return replace(off, people=(*people, one), kept=kept)

    def entered(self, member: Admission) -> Stage:
        """Return the stage with `member` on it.  Raise `Refused` as `place_for`."""
        return self.stood(self.place_for(member))

    def without(self, person_id: PersonId) -> Stage:
        """Return the stage after `person_id` stepped off it; an invitation stays."""
        return replace(
            self,
            people=tuple(one for one in self.people if one.person_id != person_id),
            kept=tuple(place for place in self.kept if place[0] != person_id),
            screens=self.screens - {person_id},
        )

    def showing(self, person_id: PersonId, picture: Picture) -> Stage:
        """Return the stage after `person_id` said what their video shows; it counts until they step off."""
        others = self.screens - {person_id}
        return replace(self, screens=others | {person_id} if picture is Picture.SCREEN else others)

    def dismissed(self, person_id: PersonId) -> Stage:
        """Return the stage after `person_id` left it: their invitation ends too."""
        return replace(self.without(person_id), invited=self.invited - {person_id})

    def away(self, person_id: PersonId) -> Stage:
        """Return the stage after the connection of `person_id` was lost: their place is kept."""
        lost = tuple((one.person_id, one.place) for one in self.people if one.person_id == person_id)
        if not lost:
            return self
        off = self.without(person_id)
        return replace(off, kept=(*off.kept, *lost))

    def back(self, member: Admission) -> Stage:
        """Return the stage with `member` in the place that was kept for them, if one was."""
        place = dict(self.kept).get(member.person_id)
        return self if place is None else self.stood(OnStage(member.person_id, member.name, place))

    def needing(self, person_id: PersonId, codec: Codec | None) -> Stage:
        """Return the stage after it was agreed that `person_id` sends `codec`, None for what all decode."""
        others = tuple(one for one in self.needs if one[0] != person_id)
        return replace(self, needs=others if codec is None else (*others, (person_id, codec)))

    def publishing(self, person_id: PersonId, kind: Kind, track: TrackId) -> Stage:
        """Return the stage with the newest track of that kind of `person_id`."""
        others = tuple(one for one in self.tracks if one[2] != track)
        return replace(self, tracks=(*others, (person_id, kind, track)))

    def track_ended(self, track: TrackId) -> Stage:
        tracks = tuple(one for one in self.tracks if one[2] != track)
        return replace(self, tracks=tracks, voices=self.voices - {track})

    def heard(self, track: TrackId, *, speaking: bool) -> Stage:
        """Return the stage after somebody began or ended to speak."""
        if not speaking:
            return replace(self, voices=self.voices - {track})
        now = tuple(who for who, _, one in self.tracks if one == track)
        before = tuple(who for who in self.spoke if who not in now)
        return replace(self, voices=self.voices | {track}, spoke=(*now, *before)[: SLOTS - 1])

    def tracks_of(self, person_id: PersonId, kind: Kind) -> tuple[TrackId, ...]:
        return tuple(track for who, what, track in self.tracks if who == person_id and what is kind)

    def layout(self, kind: Kind, programme: TrackId | None) -> tuple[TrackId | None, ...]:
        """Return the track of each slot of `kind`."""
        slots: list[TrackId | None] = [programme, *[None] * (SLOTS - 1)]
        for place, track in self.carried(kind).items():
            slots[place] = track
        return tuple(slots)

    def view(self) -> StageView:
        """What everyone is told of the stage."""
        needs = dict(self.needs)
        audio, video = self.carried(Kind.AUDIO), self.carried(Kind.VIDEO)
        on_stage = tuple(
            StageSlot(
                one.person_id,
                one.name,
                one.place if one.place in audio else None,
                one.place if one.place in video else None,
                one.person_id in self.muted,
                Picture.SCREEN if one.person_id in self.screens else Picture.CAMERA,
                one.person_id not in self.muted and audio.get(one.place) in self.voices,
                needs.get(one.person_id),
            )
            for one in self.people
        )
        return StageView(on_stage, tuple(sorted(self.invited)))

    def carried(self, kind: Kind) -> Mapping[int, TrackId]:
        """Return what is forwarded of people, by place."""
        if self.door is StageDoor.CLOSED:
            return {}
        latest = {who: track for who, what, track in self.tracks if what is kind}
        return {one.place: latest[one.person_id] for one in self.people if one.person_id in latest}
