"""A connection with a thread of its own: what is asked of it runs there, one after the other.

    run(work) ─► first: connect, BEGIN ─► work(connection) ─► its result, rows read to the end
    commit()  ─► COMMIT, the connection goes back
    whole()   ─► all of this in one step, when nothing else has to be waited for between the statements
    leave()   ─► ROLLBACK of what is left, not waited for: whatever is asked next runs after it

Invariant: one step of the thread a statement at most.  A step costs as much as a small statement itself: that
is why the connection is SQLAlchemy's synchronous one; the asynchronous takes a step for every driver call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Executable, Result
from sqlalchemy.engine import Connection, Engine

Parameters = dict[str, Any] | list[dict[str, Any]] | None
T = TypeVar("T")


class Runs(Protocol):
    """Where statements run."""

    async def run(self, work: Callable[[Connection], T]) -> T: ...


class Lane:
    """Used by one transaction or reading at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in the transaction, which begins with the first."""
        return await self._step(lambda: work(self._begun()))

    async def whole(self, work: Callable[[Runs], Awaitable[T]]) -> T:
        """Do `work`, which awaits nothing but statements, and commit."""

        def step() -> T:
            found = finished(work(_InThread(self._begun())))
            self._commit()
            return found

        return await self._step(step)

    async def commit(self) -> None:
        await self._step(self._commit)

    def leave(self) -> None:
        self._thread.submit(self._leave)

    async def close(self) -> None:
        """Let what was asked end, then close."""
        await self._step(self._leave)
        self._thread.shutdown(wait=False)

    async def _step(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begun(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
        return self._connection

    def _commit(self) -> None:
        self._begun().commit()
        self._leave()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _InThread:
    """Statements of who is in the thread already."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, work: Callable[[Connection], T]) -> T:
        return work(self._connection)


def finished(work: Awaitable[T]) -> T:
    """Return the result of what never has to wait.  Raise `RuntimeError` when it does."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("waits for something else than its transaction")


def rows(connection: Connection, statement: Executable, parameters: Parameters) -> Result[Any]:
    """Return the rows of `statement`, all read."""
    found = connection.execute(statement, parameters)
    return found.freeze()() if found.returns_rows else found
