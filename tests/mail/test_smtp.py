"""Mail handed over to a real server: words of every kind, TLS, sign-in, refusals for now and for good."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from room_server.jobs.rules import JobState
from room_server.mail.message import Attachment
from room_server.mail.smtp import SmtpDelivery
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.kit.certificates import Authority, Files
from tests.kit.clock import FakeClock
from tests.kit.smtp import smtp_server
from tests.mail.post import delivery, post, to

FRENCH = "Réunion « d’été » — c’est à 14 h"
ICS = b"BEGIN:VCALENDAR\r\nSUMMARY:\xc3\x89t\xc3\xa9\r\nEND:VCALENDAR\r\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    return authority.issue(tmp_path)


def tls_of(files: Files) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def test_a_message_arrives_as_it_was_written(database: Database, clock: FakeClock) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        message = to(
            "helene@example.org",
            "Hélène O’Hara, née « Dupont »",
            subject=FRENCH,
            text=f"{FRENCH}\n.\n..\nFrom here on\n{'long ' * 300}\n",
            html=f"<p>{FRENCH}</p>",
            language="fr",
            headers={"Reply-To": "team@example.org"},
            attachments=(Attachment("été.ics", "text/calendar; method=REQUEST; charset=utf-8", ICS),),
        )
        [mail_id] = await ours.add(message)
        await ours.look()

        [came] = server.received
        found = came.message
        assert (came.sender, came.recipients) == ("salles@example.org", ("helene@example.org",))
        assert came.content.isascii()
        assert found["From"].addresses[0].display_name == "Les salles"
        assert found["To"].addresses[0].display_name == "Hélène O’Hara, née « Dupont »"
        assert found["Subject"] == FRENCH
        assert found["Reply-To"] == "team@example.org"
        assert found["Auto-Submitted"] == "auto-generated"
        assert found["Content-Language"] == "fr"
        assert found["Date"].datetime == clock.now()
        plain, html = (found.get_body((kind,)) for kind in ("plain", "html"))
        assert plain is not None
        assert html is not None
        assert plain.get_content().replace("\r\n", "\n") == message.text
        assert html.get_content().strip() == message.html
        [attached] = found.iter_attachments()
        assert (attached.get_filename(), attached.get_payload(decode=True)) == ("été.ics", ICS)
        assert attached.get_content_type() == "text/calendar"
        assert attached.get_param("method") == "REQUEST"
        mail = await ours.mail(mail_id)
        assert (mail.state, mail.attempts, mail.answer) == (MailState.SENT, 1, "250 2.0.0 taken")
        assert came.message_id == mail.message_id


async def test_no_name_and_no_subject_begins_a_header(database: Database, clock: FakeClock) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        evil = "x\r\nBcc: all@example.org\r\n\r\nBuy\x00\x85\u2028"
        await ours.add(to("bob@example.org", evil, subject=evil))
        await ours.look()
        [came] = server.received
        assert came.recipients == ("bob@example.org",)
        assert came.message["Bcc"] is None
        assert came.message.get_content().split() == ["Hello."]


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ("camille@exämple.org", "camille@xn--exmple-cua.org"),
        ('"john doe"@example.org', '"john doe"@example.org'),
        ("o'hara+tag@example.org", "o'hara+tag@example.org"),
        ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
    ],
)
async def test_addresses_of_every_form_reach_a_server_that_knows_ascii_alone(
    database: Database, clock: FakeClock, typed: str, wire: str
) -> None:
    async with (
        smtp_server(smtputf8=False) as server,
        post(database, clock, delivery(server.url)) as ours,
    ):
        await ours.add(to(typed))
        await ours.look()
        assert [came.recipients for came in server.received] == [(wire,)]
        assert server.received[0].message["To"].addresses[0].addr_spec == wire


async def test_an_address_beyond_ascii_goes_to_a_server_that_takes_it(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        await ours.add(to("hélène@exämple.org", "Hélène", subject=FRENCH))
        await ours.look()
        [came] = server.received
        assert came.recipients == ("hélène@xn--exmple-cua.org",)
        assert f"Subject: {FRENCH}".encode() in came.content


async def test_an_address_beyond_ascii_fails_for_good_at_a_server_that_does_not(
    database: Database, clock: FakeClock
) -> None:
    async with (
        smtp_server(smtputf8=False) as server,
        post(database, clock, delivery(server.url)) as ours,
    ):
        [mail_id] = await ours.add(to("hélène@example.org"))
        await ours.look()
        assert server.received == []
        mail = await ours.mail(mail_id)
        assert mail.state is MailState.FAILED
        assert "SMTPUTF8" in (mail.answer or "")


async def test_starttls_and_sign_in(
    database: Database, clock: FakeClock, authority: Authority, files: Files
) -> None:
    async with smtp_server(tls=tls_of(files), logins={"ann": "p:ss w@rd"}) as server:
        url = f"smtp://ann:p%3Ass%20w%40rd@127.0.0.1:{server.port}?starttls=required"
        async with post(database, clock, delivery(url, authority.trusting())) as ours:
            await ours.add(to("bob@example.org"))
            await ours.look()
        [came] = server.received
        assert (came.secured, came.user) == (True, "ann")


async def test_tls_from_the_first_byte(
    database: Database, clock: FakeClock, authority: Authority, files: Files
) -> None:
    async with smtp_server(tls=tls_of(files), from_the_start=True, logins={"ann": "word"}) as server:
        url = f"smtps://ann:word@127.0.0.1:{server.port}"
        async with post(database, clock, delivery(url, authority.trusting())) as ours:
            await ours.add(to("bob@example.org"))
            await ours.look()
        [came] = server.received
        assert came.user == "ann"


async def stays(database: Database, clock: FakeClock, way: SmtpDelivery) -> str:
    """Return the answer kept for a mail that could not be handed over, and is not lost."""
    async with post(database, clock, way) as ours:
        [mail_id] = await ours.add(to("bob@example.org"))
        await ours.look()
        mail = await ours.mail(mail_id)
        assert mail.state is MailState.WAITING
        [job] = await ours.jobs.open()
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
        return mail.answer or ""


async def test_nothing_is_said_without_starttls_where_it_is_required(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server(logins={"ann": "word"}) as server:
        url = f"smtp://ann:word@127.0.0.1:{server.port}?starttls=required"
        assert "STARTTLS" in await stays(database, clock, delivery(url))
        assert server.received == []


async def test_a_certificate_that_nobody_trusts_ends_it(
    database: Database, clock: FakeClock, files: Files
) -> None:
    async with smtp_server(tls=tls_of(files)) as server:
        answer = await stays(database, clock, delivery(f"{server.url}?starttls=required"))
        assert answer.startswith("TLS: ")
        assert server.received == []


async def test_a_wrong_password_is_the_operators_and_no_mail_is_lost_by_it(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server(logins={"ann": "word"}) as server:
        url = f"smtp://ann:hunter2@127.0.0.1:{server.port}"
        answer = await stays(database, clock, delivery(url))
        assert answer.startswith("535 ")
        assert "hunter2" not in answer


async def test_who_is_refused_for_good_is_tried_once_and_the_others_get_theirs(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.answers["gone@example.org"] = "550 5.1.1 <gone@example.org>: nobody of that name"
        mail_ids = await ours.add(*(to(f"{name}@example.org") for name in ("ann", "gone", "bob")))
        await ours.look()
        clock.advance(100_000)
        await ours.look()
        assert {came.recipients[0] for came in server.received} == {"ann@example.org", "bob@example.org"}
        failed = await ours.mail(mail_ids[1])
        assert (failed.state, failed.answer) == (
            MailState.FAILED,
            "550 5.1.1 <gone@example.org>: nobody of that name",
        )
        [dead] = await ours.jobs.dead()
        assert dead.error == "550 5.1.1", "the list of jobs names nobody"

        del server.answers["gone@example.org"]
        await ours.jobs.retry(dead.job_id)
        await ours.look()
        assert (await ours.mail(mail_ids[1])).state is MailState.SENT


async def test_who_is_refused_for_now_gets_the_same_mail_later(database: Database, clock: FakeClock) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.answers["grey@example.org"] = "450 4.2.0 greylisted"
        [mail_id] = await ours.add(to("grey@example.org"))
        await ours.look()
        mail = await ours.mail(mail_id)
        assert (mail.state, mail.answer) == (MailState.WAITING, "450 4.2.0 greylisted")
        server.answers.clear()
        clock.advance(30)
        await ours.look()
        assert [came.message_id for came in server.received] == [mail.message_id]
        assert server.received[0].message["Date"].datetime == mail.due_at


async def test_a_refusal_for_now_is_heard_once_and_not_on_every_connection_that_waits(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        await ours.add(*(to(f"p{number}@example.org") for number in range(8)))
        await ours.look()
        assert server.connections > 1
        server.asked.clear()
        server.answers["grey@example.org"] = "450 4.2.0 greylisted"
        await ours.add(to("grey@example.org"))
        await ours.look()
        assert server.asked == ["grey@example.org"]


async def test_a_server_that_closes_with_a_word_is_asked_again_on_a_fresh_connection(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        await ours.add(to("ann@example.org"))
        await ours.look()
        refused = ["421 4.7.0 enough for this connection"]
        server.once = refused
        [mail_id] = await ours.add(to("bob@example.org"))
        await ours.look()
        assert refused == []
        assert (await ours.mail(mail_id)).state is MailState.SENT
        assert server.connections == 2


async def test_a_text_may_be_refused_for_good_or_for_now(database: Database, clock: FakeClock) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.to_text = lambda message: {"Spam": "554 5.7.1 no", "Full": "452 4.3.1 full"}.get(
            str(message["Subject"])
        )
        mail_ids = await ours.add(
            *(to("bob@example.org", subject=word) for word in ("Spam", "Full", "Hello"))
        )
        await ours.look()
        assert [(await ours.mail(one)).state for one in mail_ids] == [
            MailState.FAILED,
            MailState.WAITING,
            MailState.SENT,
        ]


async def test_a_batch_goes_over_few_connections(database: Database, clock: FakeClock) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        await ours.add(*(to(f"p{number}@example.org") for number in range(40)))
        await ours.look()
        assert len(server.received) == 40
        assert server.connections <= 4


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server:
        way = delivery(server.url)
        async with post(database, clock, way) as ours:
            await ours.add(to("ann@example.org"))
            await ours.look()
            [(client, _)] = way._idle
            assert isinstance(client.transport, asyncio.Transport)
            client.transport.abort()
            [mail_id] = await ours.add(to("bob@example.org"))
            await ours.look()
            assert (await ours.mail(mail_id)).attempts == 1
            assert len(server.received) == server.connections == 2


async def test_a_server_that_breaks_off_after_the_text_gets_the_same_mail_again(
    database: Database, clock: FakeClock
) -> None:
    """Nobody can know whether it was taken: the one case of a second hand-over, with the same Message-ID."""
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.drops_after_text = True
        [mail_id] = await ours.add(to("bob@example.org"))
        await ours.look()
        assert (await ours.mail(mail_id)).state is MailState.WAITING
        server.drops_after_text = False
        clock.advance(30)
        await ours.look()
        mail = await ours.mail(mail_id)
        assert mail.state is MailState.SENT
        assert [came.message_id for came in server.received] == [mail.message_id] * 2
