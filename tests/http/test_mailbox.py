"""The demo's mailbox: only of a demo, marked as one, and no message of it runs or loads anything."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from room_server.demo.mailbox import SHOWING
from room_server.demo.routes import MAILBOX, Part, parts
from room_server.ids import MailId
from room_server.mail.message import Address, Attachment, Message
from room_server.mail.store import MailState
from tests.kit.server import ServerUnderTest, start_server
from tests.room.waiting import until

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[ServerUnderTest]:
    """Its settings name a mail server that nobody listens on: a demo must not try it."""
    async with start_server(
        tmp_path, occasion=SHOWING, smtp_url="smtp://127.0.0.1:1", mail_from="rooms@example.org"
    ) as running:
        yield running


async def left(server: ServerUnderTest, **how: object) -> MailId:
    """Leave a message and wait until the demo has taken it."""
    running, kept = server.running, [MailState.WAITING]
    said: dict[str, object] = {
        "to": Address("camille@example.org", "Camille"),
        "language": "fr",
        "subject": "Votre accès",
        "text": "Bonjour,\n\nhttps://example.org/a/secret?x=1.\n",
        "kind": "test",
    }
    async with running.database.transaction() as tx:
        mail_id = await running.outbox.add(tx, Message(**said | how))  # type: ignore[arg-type]
    running.outbox.hint()
    while kept[-1] is not MailState.SENT:
        mail = await running.outbox.mail(mail_id)
        assert mail is not None
        kept.append(mail.state)
    return mail_id


async def test_an_empty_mailbox_says_what_it_is_for(demo: ServerUnderTest) -> None:
    for language, words in (("en", "These messages were not sent."), ("fr", "n’ont pas été envoyés")):
        page = await demo.ask("GET", f"{MAILBOX}?lang={language}")
        assert page.status == 200
        assert words in page.text
        assert 'data-testid="mail-empty"' in page.text


async def test_the_newest_message_stands_first_and_can_be_read(demo: ServerUnderTest) -> None:
    first = await left(demo, subject="The first")
    second = await left(demo, subject="The second", html="<p>Hello</p>")
    page = await demo.ask("GET", MAILBOX)
    assert page.text.index(second) < page.text.index(first)
    read = await demo.ask("GET", f"{MAILBOX}/{second}")
    assert "The second" in read.text
    assert "These messages were not sent." in read.text
    assert 'href="https://example.org/a/secret?x=1"' in read.text
    mail = await demo.running.outbox.mail(second)
    assert mail is not None
    assert mail.answer == "kept in the demonstration's mailbox"


async def test_the_start_page_of_a_demo_leads_there_and_no_others_does(
    demo: ServerUnderTest, tmp_path: Path
) -> None:
    assert MAILBOX in (await demo.ask("GET", "/")).text
    assert MAILBOX in (await demo.ask("GET", "/api/openapi.json")).text
    async with start_server(tmp_path / "other") as serving:
        for path in (MAILBOX, f"{MAILBOX}/x", f"{MAILBOX}/x/html"):
            assert (await serving.ask("GET", path)).status == 404
        assert MAILBOX not in (await serving.ask("GET", "/")).text
        assert MAILBOX not in (await serving.ask("GET", "/api/openapi.json")).text


async def test_html_stands_in_a_sandbox_twice_and_text_is_shown_as_text(demo: ServerUnderTest) -> None:
    ics = Attachment(f"{EVIL}.ics", "text/calendar", b"")
    mail_id = await left(
        demo,
        subject=EVIL,
        text=EVIL,
        html=f"<html><head><title>x</title></head><body>{EVIL}</body></html>",
        to=Address("camille@example.org", EVIL),
        attachments=(ics,),
    )
    for path in (MAILBOX, f"{MAILBOX}/{mail_id}"):
        page = await demo.ask("GET", path)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    frame = await demo.ask("GET", f"{MAILBOX}/{mail_id}/html")
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';")
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert '<head><base target="_blank">' in frame.text
    other = await demo.ask("GET", "/")
    assert "frame-src 'none'" in other.headers["Content-Security-Policy"]


async def test_what_is_not_there_is_not_found(demo: ServerUnderTest) -> None:
    plain = await left(demo)
    async with demo.running.database.transaction() as tx:
        later = await demo.running.outbox.add(
            tx,
            Message(to=Address("a@example.org"), language="en", subject="x", text="x", kind="test"),
            due=tx.now.replace(year=tx.now.year + 1, day=1),
        )
    for path in ("nothing", "nothing/html", f"{plain}/html", later):
        answer = await demo.ask("GET", f"{MAILBOX}/{path}")
        assert (answer.status, answer.body["code"]) == (404, "not_found")


def test_addresses_in_a_text_are_links_and_what_ends_a_sentence_is_not_of_them() -> None:
    assert parts("See https://a.example/x?y=(1). And http://b.example!") == (
        Part("See ", is_link=False),
        Part("https://a.example/x?y=(1", is_link=True),
        Part("). And ", is_link=False),
        Part("http://b.example", is_link=True),
        Part("!", is_link=False),
    )
    assert parts("javascript:alert(1)") == (Part("javascript:alert(1)", is_link=False),)


async def test_a_server_without_a_mail_server_says_once_that_mail_waits_and_keeps_it(
    tmp_path: Path, log_text: io.StringIO
) -> None:
    async with start_server(tmp_path) as serving:
        running = serving.running
        async with running.database.transaction() as tx:
            message = Message(to=Address("a@example.org"), language="en", subject="x", text="x", kind="test")
            mail_id = await running.outbox.add(tx, message)
        running.runner.hint()
        await until(lambda: running.runner._seen is not None or not running.runner._kinds)
        mail = await running.outbox.mail(mail_id)
        assert mail is not None
        assert mail.state is MailState.WAITING
        async with serving.http.get(running.metrics_url) as metrics:
            text = await metrics.text()
        assert "room_jobs_waiting 1.0" in text
        assert "room_jobs_dead 0.0" in text
        assert "room_jobs_oldest_due_seconds" in text
    assert log_text.getvalue().count('"mail_waits"') == 1
