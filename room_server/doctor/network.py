"""Checks of ports, of the advertised UDP address, and of certificates."""

from __future__ import annotations

import errno
import secrets
import socket
import ssl
import time
import urllib.request
from ipaddress import ip_address
from pathlib import Path

from room_server.addresses import reachable_addresses
from room_server.config import Settings
from room_server.doctor.finding import Finding, fail, ok, warn

_ANSWER_WITHIN_S = 2.0
_EXPIRES_SOON_DAYS = 14


def http_port(settings: Settings) -> Finding:
    """Whether the HTTP port is free, or held by a server of ours that answers."""
    error = _bind(socket.SOCK_STREAM, settings.host, settings.port)
    if error is None:
        return ok("http_port", port=settings.port)
    if error.errno == errno.EADDRINUSE and _answers(settings):
        return ok("http_port", "ours", port=settings.port)
    return fail("http_port", "unusable", port=settings.port, reason=error.strerror or str(error))


def udp_port(settings: Settings) -> Finding:
    """Whether the UDP port is free, or held while a server of ours answers."""
    error = _bind(socket.SOCK_DGRAM, settings.host, settings.udp_port)
    if error is None:
        return ok("udp_port", port=settings.udp_port)
    if error.errno == errno.EADDRINUSE and _answers(settings):
        return ok("udp_port", "ours", port=settings.udp_port)
    return fail("udp_port", "unusable", port=settings.udp_port, reason=error.strerror or str(error))


def tcp_port(settings: Settings) -> Finding:
    """Whether the TCP port of media is free, or held while a server of ours answers."""
    port = settings.media_tcp_port
    if port is None:
        off = settings.tcp_port == "off"
        return ok("tcp_port", "off") if off else warn("tcp_port", "none", port=settings.udp_port)
    error = _bind(socket.SOCK_STREAM, settings.host, port)
    if error is None:
        return ok("tcp_port", port=port)
    if error.errno == errno.EADDRINUSE and _answers(settings):
        return ok("tcp_port", "ours", port=port)
    return fail("tcp_port", "unusable", port=port, reason=error.strerror or str(error))


def advertised(settings: Settings) -> list[Finding]:
    """Whether a datagram sent to each advertised address comes back to this machine."""
    addresses = tuple(map(str, settings.advertise)) or reachable_addresses(settings.host)
    return [_reaches(address, settings) for address in addresses]


def certificate(settings: Settings) -> Finding:
    """Whether browsers will allow cameras: HTTPS here, at a proxy, or loopback only."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return _inspect(settings.tls_certificate, settings.tls_key)
    if settings.origin is not None and settings.origin.startswith("https://"):
        return ok("certificate", "proxy", url=settings.origin)
    if ip_address(settings.host).is_loopback:
        return ok("certificate", "loopback")
    return warn("certificate", "none", host=settings.host)


def _bind(kind: socket.SocketKind, host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _answers(settings: Settings) -> bool:
    scheme = "https" if settings.tls_certificate else "http"
    host = "127.0.0.1" if ip_address(settings.host).is_unspecified else settings.host
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is asked who it is, told nothing
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_WITHIN_S, context=context) as reply:  # noqa: S310
            return b'"status"' in reply.read(200)
    except (OSError, ValueError):
        return False


def _reaches(address: str, settings: Settings) -> Finding:
    """Send a datagram to `address` from another socket, on any free port: the address is what is tested."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    word = secrets.token_bytes(16)
    try:
        with (
            socket.socket(family, socket.SOCK_DGRAM) as here,
            socket.socket(family, socket.SOCK_DGRAM) as out,
        ):
            here.bind((_same_family(settings.host, address), 0))
            here.settimeout(_ANSWER_WITHIN_S)
            out.sendto(word, (address, here.getsockname()[1]))
            came = here.recv(64)
    except OSError:
        return warn("udp_reach", "silent", address=address, port=settings.udp_port)
    if came != word:
        return warn("udp_reach", "silent", address=address, port=settings.udp_port)
    if ip_address(address).is_loopback:
        return warn("udp_reach", "loopback", address=address)
    return ok("udp_reach", address=address)


def _same_family(host: str, address: str) -> str:
    """Return `host`; `::` is the whole of IPv4, too."""
    if ip_address(host).is_unspecified:
        return "::" if ":" in address else "0.0.0.0"  # noqa: S104 - a port of its own, for one datagram
    return host


def _inspect(certificate: Path, key: Path) -> Finding:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
        ends_at = _not_after(certificate)
    except (OSError, ssl.SSLError, ValueError) as error:
        return fail("certificate", "unusable", file=str(certificate), reason=str(error))
    days = int((ends_at - time.time()) // 86_400)
    if days < 0:
        return fail("certificate", "expired", file=str(certificate), days=-days)
    if days < _EXPIRES_SOON_DAYS:
        return warn("certificate", "soon", file=str(certificate), days=days)
    return ok("certificate", file=str(certificate), days=days)


def _not_after(certificate: Path) -> float:
    """Return when the first certificate of a PEM file ends, as seconds since 1970."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()
