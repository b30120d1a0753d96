"""Pages of accounts as a browser without script uses them."""

from __future__ import annotations

import asyncio
import re

import pytest

from room_server.accounts.rules import Role
from room_server.accounts.store.asking import access_requests, invitations
from tests.kit.people import PASSWORD, Person, count, letters, person, word_of
from tests.kit.server import ServerUnderTest


def cookie(someone: Person) -> str:
    return next(one.value for one in someone.http.cookie_jar if one.key == "sign-in")


async def test_somebody_asks_for_a_link_and_goes_on_to_where_they_wanted(
    zoe: Person, server: ServerUnderTest
) -> None:
    async with person(server, zoe.email) as phone:
        wanted = f"/workspaces/{zoe.workspace_id}/team"
        away = await phone.get(wanted)
        assert (away.status, away.headers["Location"]) == (303, f"/sign-in?next={wanted}")

        sent = await phone.submit(f"/sign-in?next={wanted}", "/sign-in", email=zoe.email, next=wanted)
        assert (sent.status, sent.headers["Location"]) == (303, "/sign-in/sent")

        path = (await letters(server, zoe.email))[-1].path
        for _ in range(3):
            scanned = await phone.get(path)
            assert scanned.status == 200
            assert zoe.email in scanned.text
        assert (await phone.get("/account")).status == 303, "opening the link signs nobody in"

        entered = await phone.submit(path)
        assert (entered.status, entered.headers["Location"]) == (303, wanted)
        assert (await phone.get(wanted)).status == 200

        again = await phone.submit("/account", path, do="profile")
        assert (again.status, again.headers["Location"]) == (303, "/workspaces"), "pressed twice"


async def test_a_password_signs_in_and_what_was_typed_stays_after_a_wrong_one(zoe: Person) -> None:
    await zoe.choose_password()
    await zoe.submit("/account", "/sign-out")
    fields = {"way": "password", "email": zoe.email, "next": "//evil.example"}

    wrong = await zoe.submit("/sign-in", **fields, password="x" * 12)
    assert wrong.status == 403
    assert "<details" in wrong.text
    assert re.search(r"<details[^>]* open", wrong.text)
    assert f'value="{zoe.email}"' in wrong.text
    assert 'role="alert"' in wrong.text
    assert 'aria-describedby="error' in wrong.text
    assert "x" * 12 not in wrong.text

    right = await zoe.submit("/sign-in", **fields, password=PASSWORD)
    assert (right.status, right.headers["Location"]) == (303, "/workspaces"), "never to another site"


async def test_forms_take_only_what_this_browser_was_given(zoe: Person, nobody: Person) -> None:
    """Login CSRF and all: neither another browser's word, nor none, nor one of before signing in."""
    stranger = word_of(await nobody.get("/sign-in"))
    before = word_of(await zoe.get("/account"))
    data = {"do": "profile", "name": "Mallory", "language": "en", "time_zone": "UTC"}
    for word in ("", stranger, "é"):
        reply = await zoe.ask("POST", "/account", data={**data, "form_token": word})
        assert (reply.status, reply.body["code"]) == (403, "form_expired")
    await zoe.sign_in()
    stale = await zoe.ask("POST", "/account", data={**data, "form_token": before})
    assert stale.status == 403
    assert (await zoe.ask("GET", "/api/account")).body["name"] == "Zoé"


async def test_a_password_is_chosen_by_a_link_of_the_account_page(
    zoe: Person, server: ServerUnderTest
) -> None:
    asked = await zoe.submit("/account", do="password_link")
    assert asked.headers["Location"] == "/sign-in/sent"
    path = (await letters(server, zoe.email))[-1].path

    short = await zoe.submit(path, password="short")
    assert short.status == 422
    assert "at least 12 characters" in short.text
    done = await zoe.submit(path, password=PASSWORD)
    assert done.headers["Location"] == "/workspaces"
    ended = await zoe.get(path)
    assert ended.status in (303, 410)

    changed = await zoe.submit(
        "/account", do="password", current=PASSWORD, password="another walk altogether"
    )
    assert changed.headers["Location"] == "/account?done=password"
    wrong = await zoe.submit("/account", do="password", current=PASSWORD, password="another walk altogether")
    assert wrong.status == 403


async def test_a_link_that_no_longer_serves_shows_the_way_on(nobody: Person) -> None:
    page = await nobody.get("/sign-in/link/" + "x" * 32, Accept_Language="fr")
    assert page.status == 404
    assert "Ce lien ne sert plus" in page.text
    assert 'href="/sign-in"' in page.text


async def test_host_access_is_asked_for_on_a_page(nobody: Person, server: ServerUnderTest) -> None:
    """GOV-6, and a form that is sent twice makes one row."""
    fields = {"email": nobody.email, "name": "No Body", "organisation": "Ateliers", "message": "a\r\nb"}
    wrong = await nobody.submit("/host-access", **{**fields, "email": "nobody"})
    assert wrong.status == 422
    assert 'value="Ateliers"' in wrong.text, "what was typed stays"
    unnamed = await nobody.submit("/host-access", **{**fields, "organisation": " "})
    assert re.search(r'id="organisation"[^>]* aria-invalid="true"', unnamed.text), "the field that is meant"
    sent = await asyncio.gather(*(nobody.submit("/host-access", **fields) for _ in range(3)))
    assert {reply.headers["Location"] for reply in sent} == {"/host-access/sent"}
    assert await count(server, access_requests) == 1


async def test_the_account_keeps_name_language_and_zone(zoe: Person) -> None:
    saved = await zoe.submit("/account", do="profile", name="Zoé M.", language="fr", time_zone="Europe/Paris")
    assert saved.headers["Location"] == "/account?done=profile"
    page = await zoe.get("/account")
    assert '<html lang="fr"' in page.text
    assert 'value="Zoé M."' in page.text
    assert "<option selected>Europe/Paris</option>" in page.text

    nowhere = await zoe.get("/workspaces/none/team", Cookie=f"sign-in={cookie(zoe)}", Accept_Language="en")
    assert "espace de travail" in nowhere.text, "refusals speak the account's language, too"

    wrong = await zoe.submit("/account", do="profile", name="", language="fr", time_zone="Europe/Paris")
    assert wrong.status == 422
    assert 'aria-invalid="true"' in wrong.text


async def test_another_device_is_signed_out_on_the_account_page(zoe: Person, server: ServerUnderTest) -> None:
    async with person(server, zoe.email) as phone:
        await phone.sign_in()
        page = await zoe.get("/account")
        other = re.search(r'name="sign_in_id" value="([^"]+)"', page.text)
        assert other
        done = await zoe.submit("/account", do="end", sign_in_id=other[1])
        assert done.headers["Location"] == "/account?done=end"
        assert (await phone.get("/account")).status == 303
        gone = await zoe.submit("/account", do="end", sign_in_id=other[1])
        assert gone.status == 404


async def test_names_are_text_and_never_markup(zoe: Person, ada: Person) -> None:
    named = '<img src=x onerror="alert(1)"> & {{ 7*7 }}'
    await zoe.ask("PATCH", "/api/account", json={"name": named})
    for path in ("/account", f"/workspaces/{zoe.workspace_id}/team", "/workspaces"):
        page = await zoe.get(path)
        assert "<img" not in page.text
        assert "&lt;img" in page.text
        assert "{{ 7*7 }}" in page.text


async def test_the_team_page_invites_sends_again_and_withdraws(zoe: Person, server: ServerUnderTest) -> None:
    path = f"/workspaces/{zoe.workspace_id}/team"
    sent = await asyncio.gather(
        *(zoe.submit(path, do="invite", email="new@example.org", role="member") for _ in range(3))
    )
    assert {reply.headers["Location"] for reply in sent} == {f"{path}?done=invite"}
    assert await count(server, invitations) == 1

    page = await zoe.get(path)
    assert "new@example.org" in page.text
    invitation_id = re.findall(r'name="invitation_id" value="([^"]+)"', page.text)[0]
    asked = await zoe.submit(path, do="withdraw", invitation_id=invitation_id)
    assert asked.status == 200
    assert "will no longer serve" in asked.text
    assert "new@example.org" in (await zoe.get(path)).text, "not before it is confirmed"
    done = await zoe.submit(path, do="withdraw", invitation_id=invitation_id, confirmed="true")
    assert done.headers["Location"] == f"{path}?done=withdraw"
    gone = await zoe.submit(path, do="resend", invitation_id=invitation_id)
    assert gone.status == 404

    wrong = await zoe.submit(path, do="invite", email="nobody", role="admin")
    assert wrong.status == 422
    assert 'value="nobody"' in wrong.text


async def test_an_invitation_is_accepted_on_its_page(zoe: Person, nobody: Person) -> None:
    await zoe.ask("POST", f"{zoe.team}/invitations", json={"email": nobody.email})
    path = (await letters(nobody.server, nobody.email))[-1].path
    page = await nobody.get(path)
    assert "Atelier du Nord" in page.text
    unnamed = await nobody.submit(path, name=" ")
    assert unnamed.status == 422
    joined = await nobody.submit(path, name="Noé")
    assert joined.headers["Location"] == "/workspaces"
    assert "Atelier du Nord" in (await nobody.get("/workspaces")).text


async def test_removing_a_member_names_its_consequence_first(zoe: Person, bob: Person) -> None:
    path = f"/workspaces/{zoe.workspace_id}/team"
    fields = {"do": "remove", "account_id": await bob.account_id()}
    asked = await zoe.submit(path, **fields)
    assert "Remove Bob from the team?" in asked.text
    assert (await bob.get(path)).status == 200
    done = await zoe.submit(path, **fields, confirmed="true")
    assert done.headers["Location"] == f"{path}?done=remove"
    assert (await bob.get(path)).status == 404


async def test_a_member_sees_the_team_and_none_of_the_controls(zoe: Person, bob: Person) -> None:
    page = await bob.get(f"/workspaces/{zoe.workspace_id}/team")
    assert "zoe@example.org" in page.text
    assert 'name="do"' not in page.text
    refused = await bob.submit(
        "/account", f"/workspaces/{zoe.workspace_id}/team", do="invite", email="x@y.org"
    )
    assert refused.status == 403


async def test_one_leaves_and_hands_over_on_pages_of_their_own(zoe: Person, ada: Person) -> None:
    here = f"/workspaces/{zoe.workspace_id}"
    assert "last owner" in (await zoe.submit(f"{here}/leave")).text
    assert (await ada.get(f"{here}/ownership")).status == 403

    handed = await zoe.submit(f"{here}/ownership", account_id=await ada.account_id())
    assert handed.headers["Location"] == f"{here}/team?done=hand_over"
    left = await zoe.submit(f"{here}/leave")
    assert left.headers["Location"] == "/workspaces"
    assert (await zoe.get(f"{here}/team")).status == 404
    roles = (await ada.ask("GET", f"{ada.team}/members")).body["members"]
    assert [one["role"] for one in roles] == [Role.OWNER]


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/sent", "/password", "/host-access", "/host-access/sent"]
)
@pytest.mark.parametrize("language", ["en", "fr"])
async def test_open_pages_speak_both_languages_and_run_no_script(
    nobody: Person, path: str, language: str
) -> None:
    page = await nobody.get(path, Accept_Language=language)
    assert page.status == 200
    assert f'<html lang="{language}"' in page.text
    assert "<script" not in page.text
    assert not re.findall(r"\son[a-z]+=|\sstyle=", page.text)
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin", "a form that refers to nobody has no origin"
    assert page.text.count('for="') == len(set(re.findall(r'\sid="([^"]+)" name="', page.text)))
