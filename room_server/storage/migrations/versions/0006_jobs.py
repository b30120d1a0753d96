"""Jobs, and the outbox of mail.

Neither refers to the rows it is about: what was done, and what was told, is kept when they go.
"""

import sqlalchemy as sa
from alembic import op

from room_server.storage.schema import Instant

revision = "0006_jobs"
down_revision = "0005_message_mode"


def upgrade() -> None:
    _create_jobs()
    _create_mail()


def _create_jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("key", sa.String(200), unique=True),
        sa.Column("workspace_id", sa.String(32)),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.String(300)),
        sa.Column("claimed_by", sa.String(32)),
        sa.Column("claim", sa.String(32)),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Index("ix_job_state_kind_due_at", "state", "kind", "due_at"),
        sa.Index("ix_job_state_ended_at", "state", "ended_at"),
    )


def _create_mail() -> None:
    op.create_table(
        "mail",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(200), unique=True),
        sa.Column("group", sa.String(200), index=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("workspace_id", sa.String(32), index=True),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(500), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("html", sa.Text),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("attachments", sa.JSON, nullable=False),
        sa.Column("message_id", sa.String(320), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("answer", sa.String(300)),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("handed_at", Instant),
        sa.Column("sent_at", Instant),
        sa.Column("cancelled_at", Instant),
        sa.Index("ix_mail_state_sent_at", "state", "sent_at"),
    )
