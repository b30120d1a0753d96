"""Settings: `ROOM_*` variables, an optional file of the same names, defaults that need nothing.

A secret `ROOM_X` may instead be given as `ROOM_X_FILE`, the path of a file that holds it.
Precedence: variable, then `_FILE`, then the file named by `ROOM_CONFIG`, then the default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import Field, HttpUrl, IPvAnyAddress, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from room_server.accounts.oidc.provider import Provider, ProviderName
from room_server.mail.server import sender_of, server_of

Port = Annotated[int, Field(ge=0, le=65_535)]

_PREFIX = "ROOM_"
# RFC 7065, with an address of IPv6 in brackets.
_TURN_URL = r"^turns?:([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\?transport=(udp|tcp))?$"
_SECRETS = ("key", "turn_secret", "smtp_url", "oidc")
_TAKEN_PATHS = frozenset({"link", "sent"})


class Settings(BaseSettings):
    """Everything an operator may set.  Port 0 means any free one."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Path("room-data")
    """The folder of the database, the server key and the prepared films; one process holds it."""
    host: str = "127.0.0.1"
    """The address to listen on for HTTP and media: `0.0.0.0` opens the server to the network."""
    port: Port = 8000
    udp_port: Port = 7000
    tcp_port: Port | Literal["off"] | None = None
    """Where media are taken over TCP from those whose network carries no UDP; unset: see `media_tcp_port`."""
    advertise: Annotated[tuple[IPvAnyAddress, ...], NoDecode] = ()
    """UDP addresses that browsers are told, separated by commas; empty: `host`."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464
    public_url: HttpUrl | None = None
    """Where browsers find the server when a proxy stands before it, without a path."""
    trusted_proxy: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Networks whose `X-Forwarded-*` is believed, separated by commas."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """The server key, at least 32 characters; without it one is made and kept in the data folder."""
    node_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "one"
    turn_urls: Annotated[tuple[Annotated[str, Field(pattern=_TURN_URL)], ...], NoDecode] = ()
    """A TURN server as browsers are told of it, separated by commas: `turns:turn.example.org:443`."""
    turn_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What the TURN server shares with this one (coturn: `static-auth-secret`)."""
    turn_lasts_s: Annotated[int, Field(ge=60, le=604_800)] = 43_200
    """How long the credentials serve that a join is given."""
    smtp_url: SecretStr | None = None
    """Where mail is handed over, as in `smtp://user:password@mail.example.org:587`; see `mail.server`."""
    mail_from: str | None = None
    """Who mail is from: `room@example.org` or `The room <room@example.org>`."""
    smtp_timeout_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How long the mail server may take for an answer; four times that once it has the whole message."""
    people_per_room: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Participants of one session at once; hosts and moderators have places of their own."""
    media_shards: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads that forward media; 0: one a core."""
    joins_per_minute: Annotated[int, Field(ge=1)] = 1_200
    """Joins from one address; many people may share one."""
    unknown_links_per_minute: Annotated[int, Field(ge=1)] = 300
    """Wrong links from one address."""
    sign_ins_per_minute: Annotated[int, Field(ge=1)] = 60
    """Passwords, letters and links that one address tries; a whole office may share one."""
    sign_in_tries: Annotated[int, Field(ge=1)] = 20
    """Passwords tried for one e-mail address in a quarter of an hour; a quarter as many letters."""
    host_access: Annotated[str, Field(pattern=r"^(ask|open|closed)$")] = "ask"
    """What becomes of a request for host access: an operator answers, all are granted, none is taken."""
    oidc: Annotated[dict[ProviderName, Provider], NoDecode] = Field(default_factory=dict)
    """Where people may sign in as well, by name: JSON such as `{"agency": {"issuer": "https://…", …}}`."""
    drain_s: Annotated[float, Field(ge=0, le=3_600)] = 5.0
    """How long a stop waits for requests that run."""
    demo_film: Path | None = None
    """A folder that `python -m playback.demo_film` made."""
    log_level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, file_secret_settings
        return init_settings, env_settings, dotenv_settings

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("advertise", "trusted_proxy", "turn_urls"):
            if isinstance(given := values.get(name), str):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
        return values

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, object]) -> dict[str, object]:
        for name in _SECRETS:
            path = os.environ.get(f"{_PREFIX}{name.upper()}_FILE")
            if path and values.get(name) is None:
                values[name] = Path(path).read_text(encoding="utf-8").strip()
        return values

    @field_validator("oidc", mode="before")
    @classmethod
    def _is_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("no JSON") from None

    @field_validator("oidc")
    @classmethod
    def _has_addresses_of_its_own(cls, value: dict[str, Provider]) -> dict[str, Provider]:
        if taken := _TAKEN_PATHS & value.keys():
            raise ValueError(f"a provider is not called {', '.join(sorted(taken))}")
        return value

    @field_validator("host", "metrics_host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return str(ip_address("127.0.0.1" if value == "localhost" else value))

    @field_validator("public_url")
    @classmethod
    def _has_no_path(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value is not None and value.path not in (None, "", "/"):
            raise ValueError("ROOM_PUBLIC_URL has no path")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _names_a_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            server_of(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, value: str | None) -> str | None:
        if value is not None:
            sender_of(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise PydanticCustomError("tls_pair", "ROOM_TLS_CERTIFICATE and ROOM_TLS_KEY come together")
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise PydanticCustomError("turn_pair", "ROOM_TURN_URLS and ROOM_TURN_SECRET come together")
        if (self.smtp_url is None) != (self.mail_from is None):
            raise PydanticCustomError("mail_pair", "ROOM_SMTP_URL and ROOM_MAIL_FROM come together")
        return self

    @property
    def media_tcp_port(self) -> int | None:
        """Return the TCP port of media: by default the UDP port's number, unless we use it otherwise."""
        if self.tcp_port == "off":
            return None
        if self.tcp_port is not None:
            return self.tcp_port
        taken = {port for port in (self.port, self.metrics_port) if port}
        return None if self.udp_port in taken else self.udp_port

    @property
    def database_path(self) -> Path:
        return self.data_dir / "room.sqlite3"

    @property
    def assets_dir(self) -> Path:
        return self.data_dir / "assets"

    @property
    def origin(self) -> str | None:
        """The public URL without a slash at its end."""
        return None if self.public_url is None else str(self.public_url).rstrip("/")

    @property
    def mail_domain(self) -> str:
        """What the names of our messages end with: any domain will do, theirs are random."""
        if self.mail_from is not None:
            return sender_of(self.mail_from).domain
        return (self.public_url.host if self.public_url else None) or "room-server.invalid"


def variable(field: str) -> str:
    """Return the variable that sets a field."""
    return f"{_PREFIX}{field.upper()}"


def is_secret(field: str) -> bool:
    return field in _SECRETS


def known_variables() -> frozenset[str]:
    """Return every variable that is read."""
    files = {f"{variable(name)}_FILE" for name in _SECRETS}
    return frozenset({variable(name) for name in Settings.model_fields} | files | {f"{_PREFIX}CONFIG"})


def unknown_variables() -> Iterable[str]:
    """Return the `ROOM_*` names, of the environment and the file, that nothing reads."""
    path = os.environ.get(f"{_PREFIX}CONFIG")
    given = [*os.environ, *(dotenv_values(path) if path and os.path.isfile(path) else ())]
    known = known_variables()
    return sorted({name for name in given if name.upper().startswith(_PREFIX) and name.upper() not in known})


def load(**overrides: object) -> Settings:
    """Read the environment and the file that `ROOM_CONFIG` names; `overrides` outrank both.

    Raises `pydantic.ValidationError`, whose words name the setting and never its value, and `OSError`.
    """
    path = os.environ.get(f"{_PREFIX}CONFIG")
    if path:
        with open(path, encoding="utf-8"):  # a file that was named and is not there is an error
            pass
    given: dict[str, Any] = {"_env_file": path, **overrides}
    return Settings(**given)
