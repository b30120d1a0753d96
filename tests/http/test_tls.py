"""Listening with TLS: a certificate of an authority of the test's own, and files that cannot serve."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
import socketio
from cryptography.hazmat.primitives.asymmetric import ec

from room_server.errors import Refused
from room_server.http.tls import server_context
from tests.cli.programs import run
from tests.kit.certificates import Authority, Files, pem_key
from tests.kit.server import start_server
from tests.room.waiting import until

NAMESPACE = "/room"


async def test_people_join_over_https_and_wss(tmp_path: Path) -> None:
    """The whole way: page, press, socket, snapshot, a request; the certificate checked at each step."""
    authority = Authority()
    files = authority.issue(tmp_path)
    async with (
        start_server(tmp_path, tls_certificate=files.certificate, tls_key=files.key) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=authority.trusting())) as http,
    ):
        assert server.url.startswith("https://127.0.0.1:")
        link = await server.open_link()
        async with http.get(server.address(link)) as page:
            assert page.status == 200
            assert page.headers["Strict-Transport-Security"]
            assert f"wss://{page.url.authority}" in page.headers["Content-Security-Policy"]
        body = {"token": server.token(link), "device_key": "a-laptop"}
        async with http.post(f"{server.url}/api/join", json=body) as reply:
            taken = await reply.json()
        assert taken["signalling_url"] == server.url

        told: list[str] = []
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        client.on("*", lambda event, *_: told.append(event), namespace=NAMESPACE)
        await client.connect(
            taken["signalling_url"],
            transports=["websocket"],
            namespaces=[NAMESPACE],
            auth={"ticket": taken["ticket"]},
        )
        await until(lambda: "room.snapshot" in told)
        posted = await client.call("chat.post", {"key": "k", "text": "Over TLS"}, namespace=NAMESPACE)
        assert posted["ok"]["text"] == "Over TLS"
        await client.disconnect()


async def test_a_client_that_does_not_know_the_authority_goes_no_further(tmp_path: Path) -> None:
    files = Authority().issue(tmp_path)
    async with start_server(tmp_path, tls_certificate=files.certificate, tls_key=files.key) as server:
        connector = aiohttp.TCPConnector(ssl=Authority().trusting())
        async with aiohttp.ClientSession(connector=connector) as http:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await http.get(server.url + "/healthz")


async def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    files = Authority().issue(tmp_path)
    assert server_context(files.certificate, files.key).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Authority().issue(tmp_path)


@pytest.mark.parametrize(
    ("setting", "missing"),
    [("ROOM_TLS_CERTIFICATE", "certificate"), ("ROOM_TLS_KEY", "key")],
)
def test_a_file_that_is_not_there_is_named_with_its_setting(files: Files, setting: str, missing: str) -> None:
    path: Path = getattr(files, missing)
    path.unlink()
    with pytest.raises(Refused) as refused:
        server_context(files.certificate, files.key)
    assert refused.value.code == "tls_file_unreadable"
    assert (refused.value.facts["setting"], refused.value.facts["file"]) == (setting, str(path))


def test_a_file_that_cannot_be_read_is_named(files: Files) -> None:
    files.key.unlink()
    files.key.mkdir()
    with pytest.raises(Refused) as refused:
        server_context(files.certificate, files.key)
    assert refused.value.code == "tls_file_unreadable"
    assert refused.value.facts["reason"] == "Is a directory"


def test_the_key_of_another_certificate_is_recognised(tmp_path: Path, files: Files) -> None:
    other = Authority().issue(tmp_path, "other")
    with pytest.raises(Refused) as refused:
        server_context(files.certificate, other.key)
    assert refused.value.code == "tls_key_mismatch"
    assert refused.value.facts == {"certificate": str(files.certificate), "key": str(other.key)}


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_what_is_no_pem_is_refused(files: Files, broken: str) -> None:
    path: Path = getattr(files, broken)
    path.write_text("not a certificate")
    with pytest.raises(Refused) as refused:
        server_context(files.certificate, files.key)
    assert refused.value.code == "tls_unusable"


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(files: Files) -> None:
    files.key.write_bytes(pem_key(ec.generate_private_key(ec.SECP256R1()), b"secret"))
    with pytest.raises(Refused) as refused:
        server_context(files.certificate, files.key)
    assert refused.value.code == "tls_unusable"


async def test_the_command_says_what_to_do_and_ends_with_1(tmp_path: Path, files: Files) -> None:
    other = Authority().issue(tmp_path, "other")
    ports = {"ROOM_PORT": "0", "ROOM_UDP_PORT": "0", "ROOM_METRICS_PORT": "0", "ROOM_DATA_DIR": "data"}
    with_tls = {"ROOM_TLS_CERTIFICATE": str(files.certificate), "ROOM_TLS_KEY": str(other.key)}
    mismatched = await run("serve", folder=tmp_path, **ports, **with_tls)
    assert mismatched.code == 1
    assert "does not belong to the certificate" in mismatched.err
    assert "Traceback" not in mismatched.err

    with_tls["ROOM_TLS_KEY"] = "nowhere.key"
    missing = await run("serve", folder=tmp_path, LC_ALL="fr_FR.UTF-8", **ports, **with_tls)
    assert missing.code == 1
    assert "Le fichier nowhere.key indiqué par ROOM_TLS_KEY est illisible" in missing.err
