"""Who stands on the stage, and in which place."""

import sqlalchemy as sa
from alembic import op

revision = "0004_stage_places"
down_revision = "0003_ended_links"


def upgrade() -> None:
    op.add_column("stage_right", sa.Column("place", sa.Integer))
