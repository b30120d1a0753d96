"""A room's chat, plan, run, transport, stage rights and launched CTAs."""

import sqlalchemy as sa
from alembic import op

from room_server.storage.schema import Instant

revision = "0002_room"
down_revision = "0001_access"


def upgrade() -> None:
    _create_chat()
    _create_running()
    _create_hosting()


def _session_id(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "session_id", sa.String(32), sa.ForeignKey("session.id"), nullable=False, primary_key=primary_key
    )


def _create_chat() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.String(32), primary_key=True),
        _session_id(),
        sa.Column("author_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("author_name", sa.String(200), nullable=False),
        sa.Column("by_team", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sent_at", Instant, nullable=False),
        sa.Column("decided_by", sa.String(32)),
        sa.Column("decided_at", Instant),
        sa.UniqueConstraint("session_id", "author_id", "key"),
        sa.Index("ix_message_session_id_state_sent_at", "session_id", "state", "sent_at"),
    )


def _create_running() -> None:
    op.create_table(
        "plan",
        _session_id(primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("saved_at", Instant, nullable=False),
    )
    op.create_table(
        "session_run",
        _session_id(primary_key=True),
        sa.Column("node_id", sa.String(32), nullable=False),
        sa.Column("node_epoch", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("claimed_at", Instant, nullable=False),
    )
    op.create_table(
        "transport",
        _session_id(primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("position_s", sa.Float, nullable=False),
        sa.Column("motion", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("by_name", sa.String(200)),
    )


def _create_hosting() -> None:
    op.create_table(
        "stage_right",
        _session_id(primary_key=True),
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("invited", sa.Boolean, nullable=False),
        sa.Column("muted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "cta_launch",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        _session_id(),
        sa.Column("cta_id", sa.String(64), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Index("ix_cta_launch_session_id_until", "session_id", "until"),
    )
