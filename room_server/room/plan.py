"""Planning what a session plays: its timeline and its CTAs, saved as a whole with a version."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playback import timeline as rules
from playback.timeline import Timeline, TimelineRefused
from room_server.errors import Refused
from room_server.ids import SessionId
from room_server.room import store
from room_server.room.course import Cta, Plan
from room_server.storage import Database, Transaction

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the wire carries as an id, and what is a name of a folder beside others."""


class Plans:
    """Saving and loading plans."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def save(
        self, session_id: SessionId, timeline: Timeline, ctas: tuple[Cta, ...] = (), *, after_version: int = 0
    ) -> Plan:
        """Save the whole and return it with its version.

        Raise `Refused`: plan_refused with `reason` and `item_id`, or plan_changed when the stored version is
        not `after_version`, so that two editors never overwrite each other.
        """
        async with self._db.transaction() as tx:
            return await self.save_in(tx, session_id, timeline, ctas, after_version=after_version)

    async def save_in(
        self,
        tx: Transaction,
        session_id: SessionId,
        timeline: Timeline,
        ctas: tuple[Cta, ...] = (),
        *,
        after_version: int = 0,
    ) -> Plan:
        """Like `save`, within the caller's transaction."""
        plan = Plan(after_version + 1, timeline, ctas)
        check(plan)
        stored = await store.plan(tx, session_id)
        if (stored.version if stored else 0) != after_version:
            raise Refused("plan_changed")
        await store.save_plan(tx, session_id, plan)
        return plan

    async def load(self, session_id: SessionId) -> Plan | None:
        """Return the plan, None when nothing was planned."""
        async with self._db.reading() as reading:
            return await store.plan(reading, session_id)


def check(plan: Plan) -> None:
    """Raise `Refused` plan_refused unless the timeline's rules hold and every CTA can be shown."""
    for id in [*(item.item_id for item in plan.timeline.media), *(cta.cta_id for cta in plan.ctas)]:
        if not _ID.fullmatch(id):
            raise _refused("bad_id", id)
    for item in plan.timeline.media:
        if not _ID.fullmatch(item.asset_id):
            raise _refused("bad_asset_id", item.item_id)
    try:
        rules.check(plan.timeline)
    except TimelineRefused as refused:
        raise _refused(refused.code, refused.item_id) from refused
    known = {cta.cta_id for cta in plan.ctas}
    for overlay in plan.timeline.overlays:
        if overlay.item_id not in known:
            raise _refused("unknown_cta", overlay.item_id)
    for cta in plan.ctas:
        parts = urlsplit(cta.url)
        if parts.scheme != "https" or not parts.hostname:
            raise _refused("not_https", cta.cta_id)
        if cta.shown_s <= 0:
            raise _refused("not_positive", cta.cta_id)


def _refused(reason: str, item_id: str) -> Refused:
    return Refused("plan_refused", 422, {"reason": reason, "item_id": item_id})
