"""A client of a provider that lies."""

from __future__ import annotations

import pytest

from room_server.accounts.oidc import Identity, OidcClient, WebFetcher
from room_server.errors import Refused
from tests.kit.clock import FakeClock
from tests.oidc.liar import Liar
from tests.oidc.real_provider import REDIRECT_URI


class Victim:
    """Somebody who signs in at the liar; the client is made with the settings that are asked for first."""

    def __init__(self, liar: Liar, fetcher: WebFetcher, clock: FakeClock) -> None:
        self.liar = liar
        self._fetcher = fetcher
        self._clock = clock
        self._client: OidcClient | None = None

    def client(self, **settings: object) -> OidcClient:
        if self._client is None:
            providers = {"liar": self.liar.settings(**settings)}
            self._client = OidcClient(providers, self._fetcher, self._clock)
        return self._client

    async def sign_in(self, **settings: object) -> Identity:
        client = self.client(**settings)
        started, _ = await client.begin("liar", REDIRECT_URI, "/")
        return await client.finish(started, self.liar.answer(started), REDIRECT_URI)

    async def reason(self, **settings: object) -> object:
        """Return why somebody who signs in is not believed to be who the provider says."""
        refusal = await self.refused(**settings)
        assert refusal.code == "identity_refused", refusal.code
        return refusal.facts["reason"]

    async def refused(self, **settings: object) -> Refused:
        with pytest.raises(Refused) as raised:
            await self.sign_in(**settings)
        return raised.value
