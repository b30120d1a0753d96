"""What an operator may set of a provider, and what is too wrong to begin with."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from room_server.accounts.oidc import Dialect, Provider
from room_server.accounts.oidc.addresses import is_endpoint
from room_server.accounts.oidc.provider import ProviderName

SECRET = "never to be seen"
PROVIDERS = TypeAdapter(dict[ProviderName, Provider])


def provider(**settings: object) -> Provider:
    whole = {"issuer": "https://provider.example.org/api/v2", "client_id": "room", "label": "Provider"}
    return Provider.model_validate({**whole, **settings})


def test_providers_are_read_from_one_document() -> None:
    read = PROVIDERS.validate_json(
        b"""{
          "proconnect": {"issuer": "https://proconnect.example.org/api/v2", "client_id": "room",
                         "client_secret": "s", "label": "ProConnect", "dialect": "proconnect"},
          "school": {"issuer": "https://school.example.org", "client_id": "room", "label": "School",
                     "scopes": ["openid", "mail"]}
        }"""
    )
    assert read["proconnect"].dialect is Dialect.PROCONNECT
    assert read["proconnect"].requested_scopes == ("openid", "given_name", "usual_name", "email")
    assert read["school"].requested_scopes == ("openid", "mail")
    assert provider().requested_scopes == ("openid", "profile", "email")


@pytest.mark.parametrize("name", ["", "a/b", "UPPER", "é", "a" * 33, ".."])
def test_a_provider_has_a_name_that_fits_an_address(name: str) -> None:
    with pytest.raises(ValidationError):
        PROVIDERS.validate_python({name: provider()})


@pytest.mark.parametrize(
    "issuer",
    [
        "https://provider.example.org",
        "https://provider.example.org/",
        "https://provider.example.org:8443/realms/one",
        "http://127.0.0.1:4000",
        "http://127.8.9.1:4000",
        "http://[::1]:4000",
        "http://localhost:4000",
    ],
)
def test_an_issuer_is_https_or_on_this_machine(issuer: str) -> None:
    assert provider(issuer=issuer).issuer == issuer, "kept as it was written"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://provider.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1",
        "provider.example.org",
        "https://",
        "https://provider.example.org?tenant=one",
        "https://provider.example.org#one",
        "https://user@provider.example.org",
        "https://provider.example.org ",
        "https://provider.éxample.org",
        "file:///etc/passwd",
        "",
    ],
)
def test_another_issuer_is_refused(issuer: str) -> None:
    with pytest.raises(ValidationError, match="issuer"):
        provider(issuer=issuer)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"client_id": ""}, "client_id"),
        ({"label": ""}, "label"),
        ({"client_secret": ""}, "client_secret"),
        ({"scopes": ["a b"]}, "scopes"),
        ({"acr_values": ['"']}, "acr_values"),
        ({"algorithms": []}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["RS256", "HS256"]}, "algorithms"),
        ({"client_auth": "client_secret_jwt"}, "client_auth"),
        ({"client_auth": "client_secret_post"}, "wants a secret"),
        ({"client_auth": "none", "client_secret": SECRET}, "wants a secret"),
        ({"extra": {"state": "mine"}}, "state"),
        ({"extra": {"redirect_uri": "https://evil.example"}}, "redirect_uri"),
        ({"dialect": "proconnect", "extra": {"ui_locales": "fr"}}, "ui_locales"),
        ({"client_secrets": SECRET}, "client_secrets"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError) as raised:
        provider(**settings)
    assert word in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_standard_provider_may_be_sent_parameters_that_proconnect_refuses() -> None:
    assert provider(extra={"ui_locales": "fr"}).extra == {"ui_locales": "fr"}


def test_a_provider_elsewhere_may_not_point_to_this_machine() -> None:
    there, here = "https://provider.example.org", "http://127.0.0.1:4000"
    assert is_endpoint("https://keys.example.org/jwks", there)
    for url in ("https://127.0.0.1/jwks", "https://localhost:9464/", "https://[::1]/", "http://127.0.0.1/"):
        assert not is_endpoint(url, there)
        assert is_endpoint(url, here)


def test_a_server_without_providers_does_not_load_what_reads_their_tokens() -> None:
    """Ten megabytes, and a quarter of a second of each command."""
    said = subprocess.run(
        [sys.executable, "-c", "import room_server.main, sys; print('joserfc' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"
