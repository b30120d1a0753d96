"""Signing in at providers: what is under way, what waits for a press, and by which provider one came in."""

import sqlalchemy as sa
from alembic import op

from room_server.storage.schema import Instant

revision = "0011_providers"
down_revision = "0010_accounts"


def upgrade() -> None:
    op.create_table(
        "provider_visit",
        sa.Column("cookie_hash", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("return_to", sa.String(500), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(64), nullable=False),
        sa.Column("connects_for", sa.String(32)),
        sa.Column("begun_at", Instant, nullable=False, index=True),
    )
    op.create_table(
        "identity_offer",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(32), sa.ForeignKey("account.id"), index=True),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("id_token", sa.Text, nullable=False),
        sa.Column("return_to", sa.String(500), nullable=False),
        sa.Column("expires_at", Instant, nullable=False, index=True),
    )
    op.create_table(
        "provider_sign_in",
        sa.Column(
            "sign_in_id", sa.String(32), sa.ForeignKey("sign_in.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("id_token", sa.Text, nullable=False),
    )
