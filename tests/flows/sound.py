"""A sound device that leads nowhere: without one Firefox runs no `AudioContext`, and nobody could listen."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.patience import PATIENCE_S


@contextmanager
def sound_device(folder: Path) -> Iterator[None]:
    """Run PulseAudio with a null sink in `folder`; browsers started meanwhile play into it."""
    program = shutil.which("pulseaudio")
    assert program is not None, "pulseaudio is missing: `make test` installs it"
    socket = folder / "native"
    process = subprocess.Popen(
        [
            *(
                program,
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
                "--disable-shm=yes",
            ),
            *("-L", f"module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={socket}"),
            *("-L", "module-null-sink rate=48000 norewinds=1"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not socket.exists():
            assert process.poll() is None, "pulseaudio ended at once"
            assert time.monotonic() < deadline, "pulseaudio did not come up"
            time.sleep(0.05)
        os.environ["PULSE_SERVER"] = f"unix:{socket}"
        yield
    finally:
        os.environ.pop("PULSE_SERVER", None)
        process.terminate()
        process.wait(timeout=PATIENCE_S)
