"""`room-server accounts` and `room-server access-requests` on the data of a server, running or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from room_server.accounts.composition import accounts
from room_server.accounts.rules import HostAccess
from room_server.jobs.service import Jobs
from room_server.mail.outbox import Outbox
from room_server.storage import Database
from tests.cli.programs import Done, run
from tests.kit.people import letters, person
from tests.kit.server import start_server


async def command(folder: Path, *arguments: str, language: str = "C.UTF-8") -> Done:
    return await run(*arguments, folder=folder, ROOM_DATA_DIR="data", LC_ALL=language)


async def test_the_first_owner_signs_in_by_the_link_that_is_printed(tmp_path: Path) -> None:
    async with start_server(tmp_path) as server, person(server, "zoe@example.org") as zoe:
        made = await command(
            tmp_path, "accounts", "create", zoe.email, "--workspace", "Atelier", "--name", "Zoé"
        )
        assert made.code == 0, made.err
        token = made.out.split()[-1].rpartition("/")[2]
        assert (await zoe.ask("POST", "/api/sign-in", json={"token": token})).status == 200
        found = (await zoe.ask("GET", "/api/workspaces")).body["workspaces"]
        assert [(one["name"], one["role"]) for one in found] == [("Atelier", "owner")]
        assert (await zoe.ask("GET", "/api/account")).body["name"] == "Zoé"


async def test_a_wrong_address_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    await (await Database.open(tmp_path / "data" / "room.sqlite3")).close()
    made = await command(
        tmp_path, "accounts", "create", "zoe", "--workspace", "Atelier", language="fr_FR.UTF-8"
    )
    assert made.code == 1
    assert "adresse" in made.err


@pytest.mark.parametrize(("answer", "kind"), [("grant", "access_granted"), ("refuse", "access_refused")])
async def test_a_request_is_listed_and_answered_once(tmp_path: Path, answer: str, kind: str) -> None:
    """GOV-5, GOV-6."""
    async with start_server(tmp_path) as server, person(server, "mira@example.org") as mira:
        body = {"email": mira.email, "name": "Mira", "organisation": "Les Ateliers", "message": "two\nlines"}
        assert (await mira.ask("POST", "/api/host-access-requests", json=body)).status == 204

        listed = await command(tmp_path, "access-requests", "list")
        (line,) = listed.out.splitlines()
        assert "waiting" in line
        assert line.endswith("Mira <mira@example.org>, Les Ateliers: two lines")
        request_id = re.split(r"\s+", line)[0]

        done = await command(tmp_path, "access-requests", answer, request_id)
        assert done.code == 0, done.err
        assert mira.email in done.out
        assert [one.kind for one in await letters(server, mira.email)] == [kind]
        again = await command(tmp_path, "access-requests", answer, request_id)
        assert again.code == 1
        assert "answered already" in again.err


async def test_nothing_is_made_up_where_there_is_no_request(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = await Database.open(tmp_path / "data" / "room.sqlite3")
    outbox = Outbox(database, Jobs(database), "example.org")
    services = accounts(database, outbox, HostAccess.ASK, lambda: "http://localhost")
    assert await services.hosting.requests() == []
    services.close()
    await database.close()
    assert (await command(tmp_path, "access-requests", "list")).out == ""
    assert (await command(tmp_path, "access-requests", "grant", "none")).code == 1
