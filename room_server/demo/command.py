"""`room-server demo`: the film made if need be, the server started, the workspace made or found and told."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from room_server.config import Settings
from room_server.demo import film
from room_server.demo.telling import Where
from room_server.demo.workspace import Demo, DemoWorkspace, Wish, place_assets
from room_server.main import RoomServer, serve

Tell = Callable[[Demo, Where], None]


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """`settings` name the data folder; `temporary` ones are removed at the end."""

    settings: Settings
    wish: Wish
    temporary: bool
    tell: Tell

    async def run(self) -> None:
        folder = self.settings.demo_film or film.usual_folder(self.settings.data_dir)
        planned = await film.plan(folder)
        place_assets(planned, self.settings.assets_dir)

        async def on_ready(server: RoomServer) -> None:
            workspace = DemoWorkspace(
                server.database, server.workspaces, server.events, server.plans, server.access
            )
            found = await workspace.exists()
            if not found:
                await workspace.make(planned, self.wish)
                server.rooms.hint()
            demo = await workspace.read(server.url, found=found)
            data_dir = os.fspath(self.settings.data_dir.resolve())
            self.tell(demo, Where(server.url, server.udp_port, server.metrics_url, data_dir, self.temporary))

        await serve(self.settings, on_ready)


def temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="room-server-demo-"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
