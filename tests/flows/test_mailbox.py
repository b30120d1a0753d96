"""The demo's mailbox in a real browser: empty and filled, accessible, by keyboard, and with nothing run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from room_server.ids import MailId
from room_server.jobs.service import Jobs
from room_server.mail.message import Address, Attachment, Message
from room_server.mail.outbox import Outbox
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.flows.browsers import Engine
from tests.flows.conftest import OpenTab
from tests.flows.server import Demo
from tests.flows.test_looks import look_at
from tests.room.waiting import until_found

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

LINK = "https://example.org/a/xJm2vSb0QmWl3pHkT8yR5cN1"
HTML = f"""<!doctype html><html><head><title>x</title></head>
<body style="font-family:sans-serif;margin:0;padding:24px;background:#f4f2ee">
<div style="max-width:520px;margin:auto;background:#fff;border-radius:8px;padding:24px">
<h1 style="font-size:20px;margin-top:0">Une séance pour apprendre</h1>
<p>Bonjour Camille,</p><p>votre place est gardée pour jeudi 3 décembre à 14 h.</p>
<p><a href="{LINK}" style="display:inline-block;padding:10px;background:#1d1c1a;color:#fff">Entrer</a></p>
</div><script>top.document.title = 'run'; document.title = 'run'</script></body></html>"""
MESSAGES = (
    Message(
        to=Address("noah.tremblay@example.org", "Noah Tremblay"),
        language="en",
        subject="Your sign-in link",
        text=f"Hello Noah,\n\nopen this link to sign in. It serves once, for 15 minutes.\n\n{LINK}\n",
        kind="sign_in",
    ),
    Message(
        to=Address("camille.de-la-tour-du-pin@association-des-amis-du-patrimoine.example.org", "Camille"),
        language="fr",
        subject="Votre place pour « Une séance pour apprendre », jeudi 3 décembre à 14 h",
        text=f"Bonjour Camille,\n\nvotre place est gardée pour jeudi 3 décembre à 14 h (Paris).\n\n{LINK}\n",
        html=HTML,
        kind="confirmation",
        attachments=(Attachment("séance.ics", "text/calendar", b"BEGIN:VCALENDAR"),),
    ),
)


def leave(folder: Path) -> None:
    """Leave the messages as another process, and wait until the demo has taken each."""

    async def fill() -> None:
        database = await Database.attach(folder / "room.sqlite3")
        outbox = Outbox(database, Jobs(database), "rooms.example.org")
        for message in MESSAGES:
            async with database.transaction() as tx:
                mail_id = await outbox.add(tx, message)
            await until_found(lambda mail_id=mail_id: taken(outbox, mail_id))  # type: ignore[misc]
        await database.close()

    async def taken(outbox: Outbox, mail_id: MailId) -> bool:
        mail = await outbox.mail(mail_id)
        return mail is not None and mail.state is MailState.SENT

    asyncio.run(fill())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_mailbox_is_accessible_and_fits(language: str, demo: Callable[..., Demo], opens: OpenTab) -> None:
    """French and English, from a phone's width up, by keyboard, axe without violations."""
    running = demo(starts_in_s=600)
    tab = opens(Engine.CHROMIUM, running.ready["url"], language=language)
    look_at(tab, f"home-demo-{language}")
    tab.run("document.querySelector('main a.btn').focus()")
    tab.driver.switch_to.active_element.send_keys(Keys.ENTER)
    tab.until("an empty mailbox", lambda: tab.run("return !!document.querySelector('.empty')"))
    look_at(tab, f"mailbox-empty-{language}")

    leave(running.folder)
    tab.driver.refresh()
    assert tab.run("return document.querySelectorAll('.mail-list li').length") == 2
    look_at(tab, f"mailbox-{language}")

    tab.run("document.querySelector('.mail-list a').focus()")
    tab.driver.switch_to.active_element.send_keys(Keys.ENTER)
    tab.until("the message", lambda: tab.run("return !!document.querySelector('.mail-frame')"))
    look_at(tab, f"mailbox-message-{language}")
    assert tab.run("return document.title").startswith("Votre place")
    frame = tab.run("return document.querySelector('.mail-frame')")
    tab.driver.switch_to.frame(frame)
    assert tab.run("return document.title") == "x", "the message's script did not run"
