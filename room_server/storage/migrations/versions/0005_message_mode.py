"""The chat mode a message was posted in.

What was held before is taken for collected, the more private of the two: no promise to its author is broken.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005_message_mode"
down_revision = "0004_stage_places"


def upgrade() -> None:
    op.add_column("message", sa.Column("mode", sa.String(16), nullable=False, server_default="reply_later"))
    op.execute("UPDATE message SET mode = 'open' WHERE state = 'published'")
