"""From asking for host access to a team page that invites and a device that is signed out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import OpenTab
from tests.flows.mailbox import link_to
from tests.flows.server import Demo
from tests.flows.test_looks import look_at
from tests.kit.patience import PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

EMAIL = "mira@example.org"
LONG_ADDRESS = "a-very-long-address-of-somebody-who-writes-a-lot@department.of.long-names.example.org"


def console(demo: Demo, *arguments: str) -> str:
    """Run the command on the demo's data as its operator does."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("room-server")), *arguments],
        env={
            **os.environ,
            "ROOM_DATA_DIR": str(demo.folder),
            "ROOM_PORT": str(demo.port),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill(tab: Tab, label: str, text: str) -> None:
    """Write into the field with this label; the form is sent by its button."""
    field = tab.until(f"the field {label!r}", lambda: labelled(tab, label))
    field.clear()
    field.send_keys(text)


def labelled(tab: Tab, label: str) -> object:
    return tab.run(
        """
        const found = [...document.querySelectorAll('label')]
          .filter((one) => one.textContent.trim().startsWith(arguments[0]) && one.getClientRects().length);
        return found.length ? document.getElementById(found[0].htmlFor) : null;
        """,
        label,
    )


@pytest.mark.parametrize("engine", list(Engine))
def test_an_organiser_gets_access_invites_and_signs_another_device_out(
    engine: Engine, demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """GOV-5, GOV-6: asked for with the team's address, granted at the terminal, answered by a letter."""
    server = demo()
    url = server.ready["url"]
    laptop = opens(engine, f"{url}/host-access")
    ask_host_access(laptop)
    waiting = console(server, "access-requests", "list")
    assert "Les Ateliers" in waiting
    console(server, "access-requests", "grant", waiting.split()[0])
    laptop.open(link_to(url, EMAIL, "Your host access"))
    laptop.see(EMAIL)
    laptop.press("Sign in")
    laptop.see("Les Ateliers")

    phone = opens(engine, f"{url}/account")
    fill(phone, "E-mail address", EMAIL)
    phone.press("Send me a link")
    phone.see("Look into your mail")
    phone.open(link_to(url, EMAIL, "Your link to sign in"))
    phone.press("Sign in")
    phone.see("This device")

    laptop.press("Team of Les Ateliers")
    laptop.see("Mira <b>")
    fill(laptop, "E-mail address", "bob@example.org")
    laptop.press("Send the invitation")
    laptop.see("The invitation is on its way.")
    guest = opens(engine, link_to(url, "bob@example.org", "invites you"))
    fill(guest, "Your name", "Bob")
    guest.press("Join the team")
    guest.see("Les Ateliers")

    laptop.open(f"{url}/account")
    laptop.press("Sign out everywhere else")
    laptop.see("All other devices were signed out.")
    phone.reload()
    phone.see("Use a password instead")


def ask_host_access(tab: Tab) -> None:
    fill(tab, "Your team", EMAIL)
    fill(tab, "Your name", "Mira <b>")
    fill(tab, "Organisation", "Les Ateliers")
    tab.press("Send the request")
    tab.see("Your request is on its way")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_pages_of_accounts_are_accessible_and_fit(
    language: str, demo: Callable[..., Demo], opens: OpenTab
) -> None:
    """French and English, from a phone's width up, light and dark, axe without violations."""
    server = demo(settings={"ROOM_SIGN_INS_PER_MINUTE": "1000"})
    url, admin = server.ready["url"], server.ready["admin"]
    tab = opens(Engine.CHROMIUM, f"{url}/sign-in?lang={language}", language=language)

    def shows(name: str, path: str) -> None:
        tab.open(url + path)
        tab.until("the page", lambda: tab.run("return document.querySelector('h1') !== null"))
        look_at(tab, f"account-{name}-{language}")

    for name, path in (
        ("sign-in", "/sign-in"),
        ("sent", "/sign-in/sent"),
        ("forgotten", "/password"),
        ("host-access", "/host-access"),
        ("asked", "/host-access/sent"),
        ("link-ended", "/sign-in/link/" + "x" * 32),
    ):
        shows(name, path)

    made = console(server, "accounts", "create", "bob@example.org", "--workspace", "Another", "--name", "Bob")
    shows("link", "/sign-in" + made.split()[-1].partition("/sign-in")[2])
    sign_in_by_password(tab, url, admin, "not the password")
    look_at(tab, f"account-wrong-password-{language}")
    sign_in_by_password(tab, url, admin, admin["password"])
    tab.until("the workspaces", lambda: tab.find("Demo", "h2"))
    look_at(tab, f"account-workspaces-{language}")
    shows("account", "/account")

    tab.open(f"{url}/workspaces")
    here = tab.until("the team's link", lambda: tab.run("return document.querySelector('.entry a')?.href"))
    path = str(here).removeprefix(url)
    shows("team-alone", path)
    invite(tab, LONG_ADDRESS)
    look_at(tab, f"account-team-{language}")
    shows("invitation", link_to(url, LONG_ADDRESS, "invites you").removeprefix(url))
    tab.open(url + path)
    press_named(tab, "withdraw")
    look_at(tab, f"account-confirm-{language}")
    shows("leave", path.replace("/team", "/leave"))
    shows("hand-over", path.replace("/team", "/ownership"))


def sign_in_by_password(tab: Tab, url: str, admin: dict[str, str], password: str) -> None:
    tab.open(f"{url}/sign-in")
    tab.run("document.querySelector('details').open = true")
    tab.driver.find_element("id", "email-2").send_keys(admin["email"])
    field = tab.driver.find_element("id", "password")
    field.send_keys(password)
    field.submit()


def invite(tab: Tab, email: str) -> None:
    field = tab.driver.find_element("id", "email")
    field.send_keys(email)
    field.submit()
    tab.until("the invitation", lambda: tab.sees(email))


def press_named(tab: Tab, do: str) -> None:
    tab.run(f"document.querySelector('[name=do][value={do}]').form.requestSubmit()")
    tab.until("the question", lambda: tab.run("return document.querySelector('[name=confirmed]') !== null"))
