"""Signing in at a provider in real browsers: nothing of ours stands in the way there, back, or out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import OpenTab
from tests.flows.mailbox import link_to
from tests.flows.server import Demo
from tests.flows.test_accounts import console
from tests.flows.test_looks import look_at
from tests.oidc.real_provider import SECRET, RealProvider, real_provider
from tests.providers.conftest import client

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

EMAIL = "ada@example.org"


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    with real_provider(clients=[client("there")], proconnect=False) as running:
        yield running


def settings(provider: RealProvider) -> dict[str, str]:
    there = {"issuer": provider.issuer, "client_id": "room", "client_secret": SECRET, "label": "The agency"}
    down = {
        "issuer": "http://127.0.0.1:9",
        "client_id": "room",
        "client_secret": SECRET,
        "label": "ProConnect",
    }
    oidc = {"pro": {**down, "dialect": "proconnect"}, "there": there}
    return {"ROOM_OIDC": json.dumps(oidc), "ROOM_SIGN_INS_PER_MINUTE": "1000"}


def sign_in_there(tab: Tab) -> None:
    """Fill in the provider's own forms."""
    tab.until("the provider's form", lambda: tab.run("return document.querySelector('[name=login]')"))
    for name in ("login", "password"):
        tab.driver.find_element("name", name).send_keys("ada")
    tab.run("document.querySelector('form').requestSubmit()")
    tab.press("Continue")


@pytest.mark.parametrize("engine", list(Engine))
def test_an_organiser_connects_a_provider_by_letter_and_signs_out_at_both(
    engine: Engine, demo: Callable[..., Demo], opens: OpenTab, provider: RealProvider
) -> None:
    server = demo(settings=settings(provider))
    url = server.ready["url"]
    made = console(server, "accounts", "create", EMAIL, "--workspace", "Another", "--name", "Ada")
    tab = opens(engine, f"{url}/account")
    tab.press("Sign in with The agency")
    sign_in_there(tab)
    tab.see("The agency is not connected to an account yet")
    tab.open(link_to(url, EMAIL, "Connect The agency"))
    tab.press("Connect and sign in")
    tab.see("A link by e-mail always signs you in")
    tab.see("connected on")

    tab.press("Sign out")
    tab.press("Yes, sign me out")
    tab.see("Here and at The agency.")

    tab.press("Sign in again")
    tab.see("Sign in with The agency")
    tab.open(made.split()[-1])
    tab.press("Sign in")
    tab.see("Another")
    tab.open(f"{url}/account")
    tab.press("Disconnect The agency ada@example.org")
    tab.see("was signed out")
    tab.press("Connect The agency")
    sign_in_there(tab)
    tab.see("From now on you can sign in that way, too.")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_pages_of_providers_are_accessible_and_fit(
    language: str, demo: Callable[..., Demo], opens: OpenTab, provider: RealProvider
) -> None:
    """French and English, from a phone's width up, light and dark, axe without violations."""
    server = demo(settings=settings(provider))
    url = server.ready["url"]
    console(server, "accounts", "create", EMAIL, "--workspace", "Another", "--name", "Ada")
    tab = opens(Engine.CHROMIUM, f"{url}/sign-in?lang={language}", language=language)

    def shows(name: str, path: str) -> None:
        tab.open(url + path)
        tab.until("the page", lambda: tab.run("return document.querySelector('h1') !== null"))
        look_at(tab, f"providers-{name}-{language}")

    shows("sign-in", "/sign-in")
    shows("down", "/sign-in/pro")
    shows("signed-out", "/signed-out?at=there")
    shows("ended", "/connect/none")
    tab.open(f"{url}/sign-in/there?to=/account")
    sign_in_there(tab)
    tab.until("us again", lambda: tab.driver.current_url.startswith(f"{url}/connect"))
    look_at(tab, f"providers-asked-{language}")
    tab.open(link_to(url, EMAIL, "The agency"))
    look_at(tab, f"providers-connect-{language}")
    tab.run("document.querySelector('form.form').requestSubmit()")
    tab.until("the account", lambda: tab.driver.current_url == f"{url}/account")
    tab.run("document.getElementById('ways-title').scrollIntoView()")
    look_at(tab, f"providers-account-{language}")
