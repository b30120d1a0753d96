"""An index of the links that admit nobody any more, so that a running server may ask often."""

import sqlalchemy as sa
from alembic import op

revision = "0003_ended_links"
down_revision = "0002_room"


def upgrade() -> None:
    op.create_index(
        "ix_access_link_ended",
        "access_link",
        ["session_id"],
        sqlite_where=sa.text("revoked_at IS NOT NULL OR frozen_at IS NOT NULL OR removed_at IS NOT NULL"),
    )
