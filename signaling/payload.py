"""What every payload of the `/room` namespace is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


class Wire(BaseModel):
    """Base of all payloads: unknown fields are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_rfc3339)]
"""Always to the microsecond, so that instants sort as the text that they are."""
Seconds = Annotated[float, Field(allow_inf_nan=False)]
