"""`room-server jobs` on the data of a server: what was given up is seen and begins anew."""

from __future__ import annotations

import json
from pathlib import Path

from room_server.ids import NodeId
from room_server.jobs import store
from room_server.jobs.service import Jobs
from room_server.jobs.store import Claim
from room_server.storage import Database
from tests.cli.programs import Done, run


async def fill(folder: Path) -> tuple[str, str]:
    """Leave a job that waits and one that is dead; return their ids."""
    (folder / "data").mkdir()
    database = await Database.open(folder / "data" / "room.sqlite3")
    jobs = Jobs(database)
    async with database.transaction() as tx:
        dead = await jobs.add(tx, "mail", {"secret": "hunter2"})
        [claimed] = await store.claim(tx, "mail", Claim(NodeId("one"), "w"), tx.now, 1)
        assert claimed.job_id == dead
        await store.dead(tx, dead, "w", "550 5.1.1")
        waiting = await jobs.add(tx, "mail", {"secret": "hunter2"})
    await database.close()
    return waiting, dead


async def jobs(folder: Path, *arguments: str, language: str = "C.UTF-8") -> Done:
    return await run("jobs", *arguments, folder=folder, ROOM_DATA_DIR="data", LC_ALL=language)


async def test_what_was_given_up_is_listed_and_begins_anew(tmp_path: Path) -> None:
    waiting, dead = await fill(tmp_path)

    every = await jobs(tmp_path, "list")
    assert every.code == 0
    assert {line.split()[0] for line in every.out.splitlines()} == {dead, waiting}
    given_up = await jobs(tmp_path, "list", "--dead", language="fr_FR.UTF-8")
    assert f"{dead}  abandonnée   mail" in given_up.out
    assert "550 5.1.1" in given_up.out
    assert waiting not in given_up.out

    said = await jobs(tmp_path, "list", "--dead", "--json")
    [found] = json.loads(said.out)["jobs"]
    assert (found["id"], found["state"], found["attempts"], found["error"]) == (dead, "dead", 1, "550 5.1.1")
    assert "hunter2" not in every.out + given_up.out + said.out

    retried = await jobs(tmp_path, "retry", dead)
    assert (retried.code, retried.out) == (0, f"Job {dead} begins anew.\n")
    nothing = await jobs(tmp_path, "list", "--dead")
    assert nothing.out == "No job was given up.\n"
    again = await jobs(tmp_path, "retry", dead)
    assert (again.code, again.err) == (1, f"Job {dead} is not dead: it waits or is in work already.\n")
    unknown = await jobs(tmp_path, "retry", "nothing", language="fr_FR.UTF-8")
    assert (unknown.code, unknown.err.startswith("Il n’y a pas de tâche nothing.")) == (1, True)
