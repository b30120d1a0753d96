"""`room-server demo`: the film made if need be, the server started, the workspace made or found and told."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from room_server.access.key import server_key
from room_server.accounts import tokens
from room_server.config import Settings
from room_server.demo.film import Planning
from room_server.demo.mailbox import SHOWING
from room_server.demo.telling import Where
from room_server.demo.workspace import OWNER_EMAIL, Demo, DemoWorkspace, Owner, Wish, place_assets
from room_server.main import RoomServer, serve

Tell = Callable[[Demo, Where], None]


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """`settings` name the data folder; `temporary` ones are removed at the end."""

    settings: Settings
    planning: Planning
    wish: Wish
    temporary: bool
    tell: Tell

    async def run(self) -> None:
        planned = await self.planning.plan()
        place_assets(planned, self.settings.assets_dir)

        async def on_ready(server: RoomServer) -> None:
            workspace = DemoWorkspace(
                server.database,
                server.accounts,
                server.workspaces,
                server.events,
                server.plans,
                server.access,
                self._owner(),
            )
            found = await workspace.exists()
            if not found:
                await workspace.make(planned, self.wish)
                server.rooms.hint()
            await workspace.let_in()
            demo = await workspace.read(server.url, found=found)
            data_dir = os.fspath(self.settings.data_dir.resolve())
            self.tell(demo, Where(server.url, server.udp_port, server.metrics_url, data_dir, self.temporary))

        await serve(self.settings, on_ready, SHOWING)

    def _owner(self) -> Owner:
        given = self.settings.key.get_secret_value() if self.settings.key else None
        secret = server_key(self.settings.data_dir, given).secret
        return Owner(OWNER_EMAIL, tokens.derived(secret, "demo-owner"))
