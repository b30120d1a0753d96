"""TLS with the operator's own files: a certificate with its chain, and the key that it was made for."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from room_server.errors import Refused


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what to listen with.

    Raises `Refused`: `tls_file_unreadable` with `setting`, `file` and `reason`; `tls_key_mismatch` with both
    files; `tls_unusable` for what is no PEM, or a key that asks for a password.
    """
    _require_readable("ROOM_TLS_CERTIFICATE", certificate)
    _require_readable("ROOM_TLS_KEY", key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    files = {"certificate": str(certificate), "key": str(key)}
    try:
        # Without a password of ours OpenSSL would ask for one at the terminal, where nobody may be.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Refused("tls_key_mismatch", 503, files) from error
        raise Refused("tls_unusable", 503, {**files, "reason": error.reason or str(error)}) from error
    except (OSError, ValueError) as error:
        raise Refused("tls_unusable", 503, {**files, "reason": str(error)}) from error
    return context


def _require_readable(setting: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        facts = {"setting": setting, "file": str(path), "reason": reason}
        raise Refused("tls_file_unreadable", 503, facts) from error
