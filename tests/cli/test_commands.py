"""The other commands: settings, refusals and exit codes, `doctor`, and what `serve` needs."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path

import pytest
from pydantic import ValidationError

from room_server.config import Settings, load
from room_server.console.settings import expected
from room_server.doctor import machine, network
from room_server.doctor.command import as_text, examine, worst
from room_server.doctor.finding import Finding, Status
from room_server.http.texts import LANGUAGES, texts
from room_server.storage import Database
from tests.cli.programs import run
from tests.kit.server import ServerUnderTest

CHECKS = [
    *("http_port", "udp_port", "tcp_port", "udp_reach", "turn"),
    *("mail", "clock", "disk", "database", "codecs", "certificate"),
]


def settings(folder: Path, **kind: object) -> Settings:
    free: dict[str, object] = {"data_dir": folder / "data", "port": 0, "udp_port": 0}
    return load(**(free | kind))


async def test_doctor_says_of_each_check_how_it_stands(tmp_path: Path) -> None:
    done = await run("doctor", "--json", folder=tmp_path, ROOM_PORT="0", ROOM_UDP_PORT="0")
    said = json.loads(done.out)
    assert [check["check"] for check in said["checks"]] == CHECKS
    assert all(check["status"] in ("ok", "warn", "fail") and check["text"] for check in said["checks"])
    failed = [check for check in said["checks"] if check["status"] == "fail"]
    assert (said["status"] == "fail", done.code) == (bool(failed), int(bool(failed)))


async def test_doctor_fails_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    done = await run("doctor", folder=tmp_path, ROOM_DATA_DIR="data", ROOM_PORT="0", LC_ALL="fr_FR.UTF-8")
    assert done.code == 1
    assert "✗ Le dossier de données data n’est pas accessible en écriture" in done.out
    assert "ROOM_DATA_DIR" in done.out


def test_every_finding_has_words_in_both_languages(tmp_path: Path) -> None:
    findings = examine(settings(tmp_path))
    for language in LANGUAGES:
        assert as_text(findings, language).count("\n") == len(CHECKS)
    assert worst([]) is Status.OK
    assert worst([Finding("disk", Status.OK, "ok"), Finding("disk", Status.WARN, "little")]) is Status.WARN
    with pytest.raises(KeyError):
        texts().page(Finding("disk", Status.OK, "no such outcome").text_key, "en")


def test_a_taken_port_fails(tmp_path: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        held = settings(tmp_path, port=port, udp_port=udp.getsockname()[1], tcp_port=port)
        # The listener never answers over HTTP, so it is no server of ours.
        assert network.http_port(held).status is Status.FAIL
        assert network.udp_port(held).status is Status.FAIL
        assert network.tcp_port(held).status is Status.FAIL
    assert network.http_port(held).status is Status.OK
    assert network.udp_port(held).status is Status.OK
    assert network.tcp_port(held).status is Status.OK


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({"port": 8000, "udp_port": 7000}, 7000),
        ({"port": 443, "udp_port": 443, "tcp_port": 444}, 444),
        ({"port": 0, "udp_port": 0}, 0),
        ({"udp_port": 7000, "tcp_port": "0"}, 0),
    ],
)
def test_media_over_tcp_have_the_number_of_the_udp_port_unless_it_is_taken_or_told(
    tmp_path: Path, given: dict[str, object], port: int
) -> None:
    assert settings(tmp_path, **given).media_tcp_port == port


@pytest.mark.parametrize(
    ("given", "outcome", "status"),
    [
        ({"port": 443, "udp_port": 443}, "none", Status.WARN),
        ({"metrics_port": 7000, "udp_port": 7000}, "none", Status.WARN),
        ({"udp_port": 7000, "tcp_port": "off"}, "off", Status.OK),
    ],
)
def test_doctor_tells_when_there_are_no_media_over_tcp(
    tmp_path: Path, given: dict[str, object], outcome: str, status: Status
) -> None:
    chosen = settings(tmp_path, **given)
    assert chosen.media_tcp_port is None
    finding = network.tcp_port(chosen)
    assert (finding.outcome, finding.status) == (outcome, status)
    assert all(texts().page(finding.text_key, language, **finding.facts) for language in LANGUAGES)


def test_a_port_for_media_over_tcp_is_a_number_or_off(tmp_path: Path) -> None:
    for wrong in ("many", "70000", "-1"):
        with pytest.raises(ValidationError):
            settings(tmp_path, tcp_port=wrong)


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", Status.WARN), ("127.0.0.2", Status.WARN)])
def test_an_advertised_address_is_tried(tmp_path: Path, address: str, status: Status) -> None:
    (finding,) = network.advertised(settings(tmp_path, advertise=address))
    assert finding.status is status
    assert finding.outcome == ("loopback" if address == "127.0.0.1" else "silent")


async def test_a_database_that_is_damaged_or_too_new_fails(tmp_path: Path) -> None:
    checked = settings(tmp_path)
    checked.data_dir.mkdir()
    assert machine.database(checked).outcome == "new"
    await (await Database.open(checked.database_path)).close()
    assert machine.database(checked).outcome == "ok"

    with sqlite3.connect(checked.database_path) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999_future'")
    file.close()
    assert machine.database(checked).outcome == "too_new"

    checked.database_path.write_bytes(b"this is no database" * 300)
    assert machine.database(checked).status is Status.FAIL


@pytest.mark.parametrize(
    ("kind", "outcome", "status"),
    [
        ({}, "loopback", Status.OK),
        ({"host": "0.0.0.0"}, "none", Status.WARN),
        ({"host": "0.0.0.0", "public_url": "https://room.test"}, "proxy", Status.OK),
        ({"tls_certificate": "missing.pem", "tls_key": "missing.key"}, "unusable", Status.FAIL),
    ],
)
def test_https_is_judged_by_who_can_reach_the_server(
    tmp_path: Path, kind: dict[str, object], outcome: str, status: Status
) -> None:
    finding = network.certificate(settings(tmp_path, **kind))
    assert (finding.outcome, finding.status) == (outcome, status)


async def test_serve_tells_wrong_settings_by_name_and_never_their_value(tmp_path: Path) -> None:
    done = await run("serve", folder=tmp_path, ROOM_PORT="many", ROOM_KEY="short-secret")
    assert done.code == 2
    assert "ROOM_PORT" in done.err
    assert "short-secret" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("name", "value", "locale", "words"),
    [
        (
            *("ROOM_PORT", "many", "C.UTF-8"),
            "ROOM_PORT is “many”, which does not serve. Expected: a whole number from 0 to 65535.",
        ),
        (
            *("ROOM_PORT", "99999", "fr_FR.UTF-8"),
            "ROOM_PORT vaut «\u00a099999\u00a0», ce qui ne convient pas. "
            "Attendu\u00a0: un nombre entier de 0 à 65535.",
        ),
        (
            *("ROOM_ADVERTISE", "192.0.2.1, here", "C.UTF-8"),
            "ROOM_ADVERTISE is “here”, which does not serve. Expected: IP addresses, separated by commas.",
        ),
        (
            *("ROOM_PUBLIC_URL", "https://room.test/path", "C.UTF-8"),
            "ROOM_PUBLIC_URL is “https://room.test/path”, which does not serve. "
            "Expected: an address such as https://room.example.org, without a path.",
        ),
        (
            *("ROOM_TLS_KEY", "key.pem", "C.UTF-8"),
            "ROOM_TLS_CERTIFICATE and ROOM_TLS_KEY come together: set both, or neither.",
        ),
        (
            *("ROOM_KEY", "short-secret", "fr_FR.UTF-8"),
            "ROOM_KEY ne convient pas. Attendu\u00a0: un secret d’au moins 32 caractères.",
        ),
    ],
)
async def test_a_wrong_setting_is_told_with_what_is_expected(
    tmp_path: Path, name: str, value: str, locale: str, words: str
) -> None:
    done = await run("doctor", folder=tmp_path, LC_ALL=locale, **{name: value})
    assert (done.code, done.err.splitlines()) == (2, [words])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_says_what_it_takes(language: str) -> None:
    for field in Settings.model_fields:
        assert expected(field, language)


@pytest.mark.parametrize(
    ("locale", "near", "far"),
    [
        (
            "C.UTF-8",
            "ROOM_PROT is no setting of this server, so it changes nothing. Did you mean ROOM_PORT?",
            "ROOM_ZZZZZZZZZZZZ is no setting of this server, so it changes nothing.",
        ),
        (
            "fr_FR.UTF-8",
            "ROOM_PROT n’est pas un réglage de ce serveur et ne change donc rien. "
            "Vouliez-vous dire ROOM_PORT\u202f?",
            "ROOM_ZZZZZZZZZZZZ n’est pas un réglage de ce serveur et ne change donc rien.",
        ),
    ],
)
async def test_a_setting_that_nobody_knows_is_told_with_the_nearest_one(
    tmp_path: Path, locale: str, near: str, far: str
) -> None:
    (tmp_path / "room.env").write_text("ROOM_ZZZZZZZZZZZZ=secret-value\nROOM_UDP_PORT=0\n")
    done = await run(
        *("session", "list"), folder=tmp_path, LC_ALL=locale, ROOM_PROT="81", ROOM_CONFIG="room.env"
    )
    assert done.err.splitlines()[:2] == [near, far]
    assert "secret-value" not in done.err


async def test_settings_that_are_known_are_not_remarked_upon(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40)
    done = await run(
        "doctor",
        folder=tmp_path,
        ROOM_KEY_FILE="key",
        ROOM_PORT="0",
        ROOM_UDP_PORT="0",
        ROOM_LOG_LEVEL="info",
    )
    assert done.err == ""


async def test_serve_tells_a_settings_file_that_is_missing(tmp_path: Path) -> None:
    done = await run("serve", folder=tmp_path, ROOM_CONFIG="nowhere.env")
    assert (done.code, "nowhere.env" in done.err) == (2, True)


async def test_a_probe_of_a_link_that_leads_nowhere_says_why_in_the_terminals_language(
    server: ServerUnderTest, tmp_path: Path
) -> None:
    link = f"{server.url}/a/nowhere"
    done = await run("probe", link, "--seconds", "1", folder=tmp_path, LC_ALL="fr_FR.UTF-8")
    code, sentence = done.err.splitlines()
    assert (done.code, code) == (3, "unknown_link")
    assert sentence.startswith("Ce lien ne mène nulle part.")


def test_secrets_come_from_files_and_settings_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    (tmp_path / "room.env").write_text(
        "ROOM_PORT=9001\nROOM_ADVERTISE=192.0.2.1, 2001:db8::1\nROOM_HOST=0.0.0.0\n"
    )
    monkeypatch.setenv("ROOM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ROOM_CONFIG", str(tmp_path / "room.env"))
    monkeypatch.setenv("ROOM_HOST", "127.0.0.1")

    read = load()

    assert read.key is not None
    assert read.key.get_secret_value() == "k" * 40
    assert read.port == 9001
    assert [str(address) for address in read.advertise] == ["192.0.2.1", "2001:db8::1"]
    assert read.host == "127.0.0.1", "a variable outranks the file"
    assert "k" * 40 not in repr(read)


async def test_help_and_version_come_at_once(tmp_path: Path) -> None:
    assert "demo" in (await run("--help", folder=tmp_path)).out
    assert (await run("--version", folder=tmp_path)).out.strip() == "0.1.0"
