"""Listening: an application on a port, until the stack unwinds."""

from __future__ import annotations

import errno
import os
import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from room_server.errors import Refused


async def listen(
    stack: AsyncExitStack,
    app: web.Application,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    setting: str,
    drain_s: float,
) -> int:
    """Serve `app` until the stack unwinds; return the port.

    Raises `Refused`: `port_in_use`, `port_unusable`.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=drain_s)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        raise port_refused(error, port, setting) from error
    return int(runner.addresses[0][1])


def port_refused(error: OSError, port: int, setting: str) -> Refused:
    """Return what to say of a port that cannot be had, and which setting names another."""
    if error.errno == errno.EADDRINUSE:
        return Refused("port_in_use", 503, {"port": port, "setting": setting})
    reason = error.strerror or os.strerror(error.errno or errno.EIO)
    return Refused("port_unusable", 503, {"port": port, "setting": setting, "reason": reason})
