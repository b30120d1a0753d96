"""What a server runs for: to serve, or to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from room_server.config import Settings
from room_server.http.home import Link
from room_server.http.operations import Operation
from room_server.http.pages import Pages
from room_server.mail.delivery import Delivery
from room_server.mail.smtp import smtp_delivery
from room_server.storage import Database


@dataclass(frozen=True, slots=True)
class Occasion:
    """The way that mail takes, and pages besides.

    `delivery` returns None when there is no way, and mail waits; `links` stand on the start page.
    """

    delivery: Callable[[Settings], Delivery | None]
    operations: Callable[[Database, Pages], Iterable[Operation]]
    links: Sequence[Link]


SERVING = Occasion(smtp_delivery, lambda _database, _pages: (), ())
