"""Which addresses a provider may have: https, and for one on this machine plain http as well."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARS = 2_048


def is_issuer(url: str) -> bool:
    """Return whether `url` can name a provider (OpenID Connect Discovery 1.0, section 3)."""
    split = _split(url)
    return split is not None and not split.query and _is_safe(split)


def is_endpoint(url: str, issuer: str) -> bool:
    """Return whether a provider may point to `url`.

    One elsewhere may not point to this machine, whose ports are not its to reach.
    """
    split, base = _split(url), _split(issuer)
    if split is None or base is None or not _is_safe(split):
        return False
    return _is_loopback(base) or not _is_loopback(split)


def _split(url: str) -> SplitResult | None:
    """`urlsplit` drops tabs and line ends in silence, and browsers read a backslash as a slash."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or len(url) > MAX_URL_CHARS:
        return None
    try:
        split = urlsplit(url)
        plain = split.hostname and split.username is None and split.password is None and split.port != 0
    except ValueError:
        return None
    return split if plain and "#" not in url else None


def _is_safe(split: SplitResult) -> bool:
    return split.scheme == "https" or (split.scheme == "http" and _is_loopback(split))


def _is_loopback(split: SplitResult) -> bool:
    host = split.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
