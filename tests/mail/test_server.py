"""The address of a mail server: what it means, and that it tells no secret."""

from __future__ import annotations

import pytest

from room_server.mail.server import SmtpServer, Tls, sender_of, server_of

MEANINGS = {
    "smtp://mail.example.org": SmtpServer("mail.example.org", 587, Tls.STARTTLS),
    "smtp://mail.example.org:25": SmtpServer("mail.example.org", 25, Tls.STARTTLS),
    "smtp://mail.example.org?starttls=required": SmtpServer("mail.example.org", 587, Tls.STARTTLS),
    "smtp://mail.example.org?starttls=never": SmtpServer("mail.example.org", 587, Tls.NEVER),
    "smtps://mail.example.org": SmtpServer("mail.example.org", 465, Tls.FROM_THE_START),
    "smtp://localhost": SmtpServer("localhost", 25, Tls.NEVER),
    "smtp://127.0.0.1:1025/": SmtpServer("127.0.0.1", 1025, Tls.NEVER),
    "smtp://[::1]": SmtpServer("::1", 25, Tls.NEVER),
    "smtp://127.0.0.1?starttls=required": SmtpServer("127.0.0.1", 25, Tls.STARTTLS),
    "smtp://ann%40example.org:p%3Ass@mail.example.org": SmtpServer(
        "mail.example.org", 587, Tls.STARTTLS, "ann@example.org", "p:ss"
    ),
}


@pytest.mark.parametrize(("url", "server"), MEANINGS.items())
def test_an_address_says_where_and_how(url: str, server: SmtpServer) -> None:
    assert server_of(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://mail.example.org:99999",
        "smtp://mail.example.org/inbox",
        "smtp://hunter2@mail.example.org",
        "smtp://mail.example.org?starttls=maybe",
        "smtp://mail.example.org?tls=never",
    ],
)
def test_what_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        server_of(url)
    assert "hunter2" not in str(refused.value)


def test_what_is_shown_of_a_server_holds_no_password() -> None:
    server = server_of("smtp://ann:hunter2@[2001:db8::1]:2525")
    assert "hunter2" not in repr(server)
    assert server.where == "[2001:db8::1]:2525"


def test_a_sender_has_an_address_and_perhaps_a_name() -> None:
    named = sender_of("Les salles <salles@example.org>")
    assert (named.name, named.email) == ("Les salles", "salles@example.org")
    assert sender_of("salles@example.org").name == ""
    for wrong in ("", "salles", "Les salles", "<>", "a@b@c"):
        with pytest.raises(ValueError):
            sender_of(wrong)
