"""Fixtures of the flow tests: a demo server, and browsers that are closed whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import WebDriverException

from tests.flows.browsers import Engine, Tab, open_tab
from tests.flows.server import Demo
from tests.flows.sound import sound_device

PICTURES = Path(__file__).parents[1] / "output"

OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def loudspeaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with sound_device(tmp_path_factory.mktemp("sound")):
        yield


@pytest.fixture
def opens(request: pytest.FixtureRequest, loudspeaker: None, tmp_path: Path) -> Iterator[OpenTab]:
    """Open tabs; after a failure what each showed and logged is in tests/output/.

    Without an address a tab stays empty: for tests against a clock that its start is not to run down.
    """
    tabs: list[Tab] = []

    def open_one(engine: Engine, url: str | None = None, **kind: object) -> Tab:
        log = tmp_path / f"{len(tabs)}-{engine}.log"
        tab = open_tab(engine, log=log, **kind)  # type: ignore[arg-type]
        tabs.append(tab)
        if url is not None:
            tab.open(url)
        return tab

    yield open_one
    for index, tab in enumerate(tabs):
        if request.node.failed:
            _keep_evidence(tab, f"{request.node.name}-{index}-{tab.engine}")
        tab.close()


def _keep_evidence(tab: Tab, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    shutil.copy(tab.log, PICTURES / f"{name}.log")
    try:
        tab.picture(PICTURES / f"{name}.png")
    except WebDriverException:
        print(f"{name} is gone; its last words:\n{tab.log.read_text(errors='replace')[-2000:]}")
        for report in tab.log.parent.glob("*.extra"):
            print(f"its crash report:\n{report.read_text(errors='replace')[:8000]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    failed_before = report.when != "setup" and getattr(item, "failed", False)
    item.failed = report.failed or failed_before  # type: ignore[attr-defined]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start demo servers that are stopped at the end."""
    running: list[Demo] = []

    def start(starts_in_s: int = 5, **kind: Any) -> Demo:
        server = Demo(tmp_path / f"data{len(running)}", starts_in_s=starts_in_s, **kind)
        running.append(server)
        server.start()
        return server

    yield start
    for server in running:
        server.stop()
