"""*Old snapshot + notices = fresh snapshot*, for every role, whatever happened in between."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from media.engine import Kind, PeerId, Speaking, TrackEnded, TrackId, TrackStarted
from room_server.access.rules import Admission, Role
from room_server.errors import Refused
from room_server.events.rules import ChatMode, RoomType, Session
from room_server.room.course import HandBack
from room_server.room.notices import Snapshot
from room_server.room.view import snapshot
from signaling.notices import on_the_wire
from tests.room.waiting import until
from tests.room.world import MORE, World, on_air, pass_time, room_of, world
from tests.signaling.following import comparable, followed

STEPS = 120
PEOPLE = (
    ("Ann", Role.PARTICIPANT),
    ("Bob", Role.PARTICIPANT),
    ("Zoe", Role.MODERATOR),
    ("Hal", Role.HOST),
    ("Ida", Role.HOST),
)


class Walk:
    """People who do things at random in one room, refused or not."""

    def __init__(self, here: World, session: Session, seed: int) -> None:
        self.here = here
        self.session = session
        self.random = random.Random(seed)
        self.people: list[Admission] = []
        self.posted = 0
        self.tracks = 100

    async def step(self) -> None:
        who, other = self.random.choice(self.people), self.random.choice(self.people)
        step = self.random.choice(self.steps)
        try:
            await step(self, who, other)
        except Refused:
            return

    async def post(self, who: Admission, _: Admission) -> None:
        self.posted += 1
        await self.here.rooms.talking.post(who, f"k{self.posted}", f"message {self.posted}")

    async def decide(self, who: Admission, _: Admission) -> None:
        held = room_of(self.here, self.session).state.chat.held
        if held:
            message = self.random.choice(held)
            act = self.random.choice([self.here.rooms.talking.approve, self.here.rooms.talking.reject])
            await act(who, message.message_id)

    async def mode(self, who: Admission, _: Admission) -> None:
        await self.here.rooms.talking.set_mode(who, self.random.choice(list(ChatMode)))

    async def invite(self, who: Admission, other: Admission) -> None:
        await self.here.rooms.staging.invite(who, other.person_id)

    async def enter(self, who: Admission, _: Admission) -> None:
        await self.here.rooms.staging.enter(who)

    async def leave_stage(self, who: Admission, other: Admission) -> None:
        await self.here.rooms.staging.leave(who, self.random.choice([None, other.person_id]))

    async def mute(self, who: Admission, other: Admission) -> None:
        act = self.random.choice([self.here.rooms.staging.mute, self.here.rooms.staging.unmute])
        await act(who, other.person_id)

    async def publish(self, who: Admission, _: Admission) -> None:
        self.here.rooms.staging.connect(who, "v=0")
        self.tracks += 1
        peer = PeerId(max(self.here.media.peers))
        kind = self.random.choice(list(Kind))
        self.here.rooms.media_event(TrackStarted(TrackId(self.tracks), peer, kind))

    async def speak(self, _: Admission, __: Admission) -> None:
        track = TrackId(self.random.randint(100, self.tracks))
        self.here.rooms.media_event(Speaking(track, self.random.random() < 0.6))

    async def unpublish(self, _: Admission, __: Admission) -> None:
        self.here.rooms.media_event(TrackEnded(TrackId(self.random.randint(100, self.tracks))))

    async def run(self, who: Admission, _: Admission) -> None:
        running = self.here.rooms.running
        act: Callable[[], Awaitable[None]] = self.random.choice(
            [
                lambda: running.take_over(who),
                lambda: running.hand_back(who, HandBack.LEFT_OFF),
                lambda: running.skip_to(who, "one"),
                lambda: running.extend_buffer(who, 20),
                lambda: running.shorten_buffer(who, 20),
                lambda: self.here.rooms.hosting.launch_cta(who, MORE.cta_id),
                lambda: self.here.rooms.hosting.withdraw_cta(who, MORE.cta_id),
                lambda: self.here.rooms.hosting.start(who),
            ]
        )
        await act()

    async def time(self, _: Admission, __: Admission) -> None:
        await pass_time(self.here, self.session, self.random.uniform(0, 8))

    async def come_back(self, who: Admission, _: Admission) -> None:
        """Another connection of the same person, or a while without any."""
        self.people.remove(who)
        if self.random.random() < 0.5:
            await self.here.leave(who)
        again = await self.here.sit(who.link_id, self.session.session_id, str(who.fence))
        self.people.append(await self.here.enter(again))

    steps = (
        post,
        post,
        post,
        decide,
        mode,
        invite,
        enter,
        leave_stage,
        mute,
        publish,
        speak,
        unpublish,
        run,
        time,
    )


@pytest.mark.parametrize("room_type", RoomType)
@pytest.mark.parametrize("seed", range(3))
async def test_an_old_snapshot_and_its_notices_are_a_fresh_snapshot(
    tmp_path: Path, room_type: RoomType, seed: int
) -> None:
    async with world(tmp_path) as here:
        session = await here.session(room_type, ChatMode.MODERATED, starts_in_s=0)
        walk = Walk(here, session, seed)
        for name, role in PEOPLE:
            walk.people.append(await here.join(session.session_id, name, role))
        if room_type is RoomType.AUTOMATED:
            await on_air(here, session)
        for number in range(STEPS):
            await walk.step()
            if number % 40 == 20:
                await walk.come_back(walk.random.choice(walk.people), walk.people[0])
        room = room_of(here, session)
        room.pulse()
        await until(lambda: room._count_timer is None)

        for reader in walk.people:
            told = [on_the_wire(notice) for notice in here.notices.to(reader)]
            assert told[0][0] == "room.snapshot"
            fresh = snapshot(room.state, reader, here.clock.now())
            assert comparable(followed(told)) == comparable(on_the_wire(fresh)[1]), reader.role
        assert walk.posted > 10


async def test_nothing_is_told_before_the_snapshot_and_the_snapshot_once(here_world: World) -> None:
    session = await here_world.session()
    ann = await here_world.join(session.session_id, "Ann")
    await here_world.join(session.session_id, "Hal", Role.HOST)
    told = here_world.notices.to(ann)
    assert [isinstance(notice, Snapshot) for notice in told] == [True] + [False] * (len(told) - 1)
