"""A plan as one JSON document, since a timeline is saved as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from playback.timeline import MediaItem, OverlayItem, OverlayKind, Timeline
from room_server.ids import CtaId
from room_server.room.course import Cta, Plan


def plan_to(plan: Plan) -> dict[str, Any]:
    """Return what is stored; the version stands beside it."""
    return {
        "media": [asdict(item) for item in plan.timeline.media],
        "overlays": [{**asdict(item), "kind": item.kind.value} for item in plan.timeline.overlays],
        "ctas": [asdict(cta) for cta in plan.ctas],
    }


def plan_from(version: int, document: dict[str, Any]) -> Plan:
    """The inverse of `plan_to`."""
    media = tuple(MediaItem(**item) for item in document["media"])
    overlays = tuple(
        OverlayItem(**{**item, "kind": OverlayKind(item["kind"])}) for item in document["overlays"]
    )
    ctas = tuple(Cta(**{**cta, "cta_id": CtaId(cta["cta_id"])}) for cta in document["ctas"])
    return Plan(version, Timeline(media, overlays), ctas)
