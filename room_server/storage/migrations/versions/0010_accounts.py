"""Accounts, their sign-ins, teams of workspaces, and what waits for somebody's press.

A workspace that was there before may host: only the operator made any.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from room_server.storage.schema import Instant

revision = "0010_accounts"
down_revision = "0006_jobs"

_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("workspace", sa.Column("hosts_since", Instant))
    op.add_column("workspace", sa.Column("team_changes", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE workspace SET hosts_since = created_at")
    _create_people()
    _create_team()
    _create_asking()


def _id(name: str, to: str, **kind: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(32), sa.ForeignKey(f"{to}.id"), **kind)


def _create_people() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "account_identity",
        sa.Column("issuer", sa.String(500), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        _id("account_id", "account", nullable=False, index=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "sign_in",
        sa.Column("id", sa.String(32), primary_key=True),
        _id("account_id", "account", nullable=False, index=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )


def _create_team() -> None:
    op.create_table(
        "membership",
        _id("workspace_id", "workspace", primary_key=True),
        _id("account_id", "account", primary_key=True, index=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("joined_at", Instant, nullable=False),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(32), primary_key=True),
        _id("workspace_id", "workspace", nullable=False, index=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        _id("invited_by", "account"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("sent_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index(
        "uq_invitation_pending",
        "invitation",
        ["workspace_id", "email_key"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )


def _create_asking() -> None:
    op.create_table(
        "mailed_link",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        _id("account_id", "account", index=True),
        _id("invitation_id", "invitation", index=True),
        sa.Column("next", sa.String(500)),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False, index=True),
        sa.Column("used_at", Instant),
    )
    op.create_table(
        "access_request",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        _id("workspace_id", "workspace"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("decided_at", Instant),
    )
    op.create_index(
        "uq_access_request_pending",
        "access_request",
        ["email_key"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
