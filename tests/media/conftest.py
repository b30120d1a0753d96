"""Pages and browsers for tests of media alone, without the product around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.flows.browsers import Engine, Tab, open_tab


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>media</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def page() -> Iterator[str]:
    """A page of a secure origin, where cameras are allowed."""
    # A browser may keep a connection open in which it never asks: others must not wait behind it.
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def browse(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Engine], Tab]]:
    """Opens browsers on an empty page; they are closed at the end of the module."""
    opened: list[Tab] = []

    def browse(engine: Engine) -> Tab:
        opened.append(open_tab(engine, log=tmp_path_factory.mktemp("browser") / "log"))
        opened[-1].open(page)
        return opened[-1]

    yield browse
    for tab in opened:
        tab.close()
