"""How an operator says at which providers people may sign in, and is told what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from room_server.accounts.oidc import Dialect
from room_server.config import load
from tests.cli.programs import run

SECRET = "what-only-the-provider-knows"
AGENCY = {"issuer": "https://id.example.org", "client_id": "room", "client_secret": SECRET, "label": "Agency"}
PROCONNECT = {
    **AGENCY,
    "issuer": "https://auth.agentconnect.gouv.fr/api/v2",
    "label": "ProConnect",
    "dialect": "proconnect",
    "acr_values": ["eidas1"],
}
EXPECTED = (
    "Expected: JSON, as docs/operating.md shows it: to each provider’s name its issuer, client_id and label; "
    "names are small letters, digits and -, but neither link nor sent."
)


def test_providers_are_read_from_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROOM_OIDC", json.dumps({"pro": PROCONNECT, "agency": AGENCY}))
    chosen = load(data_dir=tmp_path).oidc
    assert list(chosen) == ["pro", "agency"], "in the operator's order"
    assert chosen["pro"].dialect is Dialect.PROCONNECT
    assert chosen["pro"].acr_values == ("eidas1",)
    assert chosen["agency"].trusts_email == (), "no address is trusted unless the operator says so"
    assert SECRET not in repr(chosen)


def test_providers_are_read_from_a_file_as_other_secrets_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "oidc.json").write_text(json.dumps({"agency": {**AGENCY, "trusts_email": ["example.org"]}}))
    monkeypatch.setenv("ROOM_OIDC_FILE", str(tmp_path / "oidc.json"))
    assert load(data_dir=tmp_path).oidc["agency"].trusts_email == ("example.org",)


def test_without_a_word_there_are_none(tmp_path: Path) -> None:
    assert load(data_dir=tmp_path).oidc == {}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (f'{{"agency": {SECRET}', "ROOM_OIDC"),
        (json.dumps([AGENCY]), "ROOM_OIDC"),
        (json.dumps({"link": AGENCY}), "ROOM_OIDC"),
        (json.dumps({"The agency": AGENCY}), "ROOM_OIDC (The agency)"),
        (json.dumps({"agency": {**AGENCY, "issuer": "http://id.example.org"}}), "ROOM_OIDC (agency.issuer)"),
        (json.dumps({"agency": {**AGENCY, "lable": "x"}}), "ROOM_OIDC (agency.lable)"),
        (json.dumps({"pro": {**PROCONNECT, "extra": {"max_age": "1"}}}), "ROOM_OIDC (pro)"),
        (json.dumps({"agency": {**AGENCY, "trusts_email": ["*"]}}), "ROOM_OIDC (agency.trusts_email)"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place_and_never_its_value(
    tmp_path: Path, value: str, name: str
) -> None:
    done = await run("doctor", folder=tmp_path, LC_ALL="C.UTF-8", ROOM_OIDC=value)
    assert (done.code, done.err.splitlines()) == (2, [f"{name} does not serve. {EXPECTED}"])
    assert SECRET not in done.err + done.out
