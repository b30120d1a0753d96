"""Alembic's entry: migrate on the connection it is given, inside that connection's transaction."""

from alembic import context

from room_server.storage.schema import metadata

connection = context.config.attributes["connection"]
# The metadata gives constraints their names, so that a later migration can speak of them.
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
