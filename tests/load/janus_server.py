"""Debian's Janus with its streaming plugin alone and the setting that its authors name for many viewers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.load.packages import Missing, need
from tests.load.progress import say
from tests.load.server import Server, end_process, free_port, last_words

EVENT_LOOPS = 2
MOUNTPOINT = 1
AUDIO_TYPE = 111
VIDEO_TYPE = 96
_READY_WITHIN_S = 30


class NoJanus(Exception):
    """Janus is not here and cannot be installed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Janus listens: `address` is one of `interface`, the only one that it offers to viewers."""

    address: str
    interface: str
    api_port: int
    audio_port: int
    video_port: int

    @property
    def url(self) -> str:
        return f"ws://{self.address}:{self.api_port}"


@dataclass(frozen=True, slots=True)
class Janus:
    server: Server
    settings: Settings


@asynccontextmanager
async def running(address: str, interface: str) -> AsyncIterator[Janus]:
    """Run Janus.  Raise `NoJanus`."""
    libraries = _libraries()
    settings = Settings(address, interface, free_port(), free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="room-server-bench-") as name:
        folder = Path(name)
        (folder / "none").mkdir()
        for file, text in configuration(settings, folder, libraries).items():
            (folder / file).write_text(text)
        log = folder / "janus.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("janus", "-F", folder, "-C", folder / "janus.jcfg"), stdout=output, stderr=output
            )
        try:
            await _until_ready(process, settings)
            yield Janus(Server(process.pid, ()), settings)
        except BaseException:
            say(f"  Janus's last words:\n{last_words(log)}")
            raise
        finally:
            await end_process(process)


def configuration(settings: Settings, folder: Path, libraries: Path) -> Mapping[str, str]:
    """The files of Janus's configuration folder, by name."""
    return {
        "janus.jcfg": f"""
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{libraries}/plugins"
  transports_folder = "{libraries}/transports"
  events_folder = "{folder}/none"
  loggers_folder = "{folder}/none"
  debug_level = 3
  debug_colors = false
  event_loops = {EVENT_LOOPS}
}}
media: {{ ipv6 = false }}
nat: {{ ice_enforce_list = "{settings.interface}" }}
plugins: {{ disable = "{_all_but(libraries / "plugins", "libjanus_streaming.so")}" }}
transports: {{ disable = "{_all_but(libraries / "transports", "libjanus_websockets.so")}" }}
""",
        "janus.transport.websockets.jcfg": f"""
general: {{
  json = "compact"
  ws = true
  ws_port = {settings.api_port}
  ws_ip = "{settings.address}"
  wss = false
}}
admin: {{ admin_ws = false }}
""",
        "janus.plugin.streaming.jcfg": f"""
reference: {{
  type = "rtp"
  id = {MOUNTPOINT}
  audio = true
  audioport = {settings.audio_port}
  audioiface = "{settings.address}"
  audiopt = {AUDIO_TYPE}
  audiocodec = "opus"
  video = true
  videoport = {settings.video_port}
  videoiface = "{settings.address}"
  videopt = {VIDEO_TYPE}
  videocodec = "vp8"
}}
""",
    }


def _all_but(folder: Path, wanted: str) -> str:
    return ",".join(sorted(file.name for file in folder.glob("*.so") if file.name != wanted))


def _libraries() -> Path:
    try:
        need("janus")
    except Missing as missing:
        raise NoJanus(str(missing)) from missing
    for folder in sorted(Path("/usr/lib").glob("*/janus")):
        if (folder / "plugins" / "libjanus_streaming.so").exists():
            return folder
    raise NoJanus("Janus is here without its streaming plugin")


async def _until_ready(process: asyncio.subprocess.Process, settings: Settings) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while process.returncode is None:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(settings.address, settings.api_port)
                writer.close()
                return
            await asyncio.sleep(0.1)
    raise RuntimeError("Janus did not start")
