"""One provider as the client knows it: its metadata and its keys, kept for a while."""

from __future__ import annotations

from collections.abc import Callable

from room_server.accounts.oidc.discovery import METADATA_LAST_S, Metadata, discover
from room_server.accounts.oidc.fetching import Fetcher
from room_server.accounts.oidc.kept import Kept
from room_server.accounts.oidc.keys import KEYS_LAST_S, RENEWALS_APART_S, Key, fetch_keys, find
from room_server.accounts.oidc.provider import Provider
from room_server.accounts.oidc.tokens import Claims, Header, Untrusted, read_header, verified


class Source:
    """A provider that is asked through `fetcher`."""

    def __init__(self, provider: Provider, fetcher: Fetcher, monotonic_ns: Callable[[], int]) -> None:
        self.provider = provider
        self.fetcher = fetcher
        self._metadata = Kept(
            self._discover, monotonic_ns, lasts_s=METADATA_LAST_S, renewals_apart_s=RENEWALS_APART_S
        )
        self._keys = Kept(
            self._fetch_keys, monotonic_ns, lasts_s=KEYS_LAST_S, renewals_apart_s=RENEWALS_APART_S
        )

    async def metadata(self) -> Metadata:
        return (await self._metadata.get()).value

    async def read(self, token: str) -> tuple[Header, Claims]:
        """Return what a signed token says; a key that is not known yet is looked for once more.

        Raises `Untrusted`, and `Refused` while the keys cannot be had.
        """
        header = read_header(token, self.provider.algorithms)
        keys = await self._keys.get()
        try:
            return header, _verified(token, header, keys.value)
        except Untrusted as untrusted:
            unknown = untrusted.reason == "key" or (untrusted.reason == "signature" and header.kid is None)
            later = await self._keys.renewed() if unknown else keys
            if later.number == keys.number:
                raise
        return header, _verified(token, header, later.value)

    async def _discover(self) -> Metadata:
        return await discover(self.fetcher, self.provider)

    async def _fetch_keys(self) -> tuple[Key, ...]:
        return await fetch_keys(self.fetcher, self.provider, (await self.metadata()).jwks_uri)


def _verified(token: str, header: Header, keys: tuple[Key, ...]) -> Claims:
    key = find(keys, header.kid, header.alg)
    if key is None:
        raise Untrusted("key")
    return verified(token, key.material, header.alg)
