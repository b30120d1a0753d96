"""Workspaces, events, sessions, access links, seats and nodes."""

import sqlalchemy as sa
from alembic import op

from room_server.storage.schema import Instant

revision = "0001_access"
down_revision = None


def upgrade() -> None:
    _create_planning()
    _create_access()


def _create_planning() -> None:
    op.create_table(
        "workspace",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("workspace_id", sa.String(32), sa.ForeignKey("workspace.id"), nullable=False, index=True),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("accent", sa.String(9), nullable=False),
        sa.Column("opens_before_s", sa.Integer, nullable=False),
        sa.Column("seat_policy", sa.String(16), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("event_id", sa.String(32), sa.ForeignKey("event.id"), nullable=False, index=True),
        sa.Column("title", sa.String(300)),
        sa.Column("room_type", sa.String(16), nullable=False),
        sa.Column("starts_at", Instant, nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("planned_length_s", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("chat_mode", sa.String(16), nullable=False),
        sa.Column("started_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Index("ix_session_state_starts_at", "state", "starts_at"),
    )


def _create_access() -> None:
    op.create_table(
        "node",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_table(
        "access_link",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("session_id", sa.String(32), sa.ForeignKey("session.id"), nullable=False, index=True),
        sa.Column("person_id", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revoked_at", Instant),
        sa.Column("frozen_at", Instant),
        sa.Column("removed_at", Instant),
        sa.Column("removed_by", sa.String(32)),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "seat",
        sa.Column("link_id", sa.String(32), sa.ForeignKey("access_link.id"), primary_key=True),
        sa.Column("session_id", sa.String(32), sa.ForeignKey("session.id"), nullable=False, index=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("node_id", sa.String(32), nullable=False),
        sa.Column("node_epoch", sa.Integer, nullable=False),
        sa.Column("connection_id", sa.String(32), unique=True),
        sa.Column("device_key_hash", sa.String(64), nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("taken_at", Instant, nullable=False),
        sa.Column("ticket_hash", sa.String(64), unique=True),
        sa.Column("ticket_expires_at", Instant),
    )
    op.create_table(
        "device_change",
        sa.Column("link_id", sa.String(32), sa.ForeignKey("access_link.id"), primary_key=True),
        sa.Column("fence", sa.Integer, primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
