"""The SQL database: transactions, column types, migrations.  Tables belong to the features' `store.py`."""

from room_server.storage.database import Database, Reading, Transaction
from room_server.storage.insertion import insert_new
from room_server.storage.schema import Instant, metadata
from room_server.storage.turns import Place

__all__ = ["Database", "Instant", "Place", "Reading", "Transaction", "insert_new", "metadata"]
