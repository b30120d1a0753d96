"""The tables of events: every one has a handler, a payload and a place in the generated files."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest

from room_server.access.rules import Role
from room_server.events.rules import RoomType
from signaling import generate
from signaling.dispatch import HANDLERS
from signaling.notices import EVENTS
from signaling.payload import Wire
from signaling.protocol_page import protocol_page
from signaling.rate import FLOOD, Rates
from signaling.tables import CONNECT_ERRORS, ERRORS, NOTICES, REQUESTS, Sender
from signaling.typescript import typescript
from tests.signaling.served import Served

INTERFACES: dict[str, Collection[str]] = {
    "media.offer media.view chat.post chat.approve chat.reject chat.set_mode session.start session.end"
    " stage.invite stage.enter stage.leave person.mute person.remove playback.take_over playback.hand_back"
    " playback.skip_to playback.extend_buffer playback.shorten_buffer cta.launch cta.withdraw": REQUESTS,
    "room.snapshot room.person room.count chat.message chat.held chat.removed chat.mode cta.show cta.hide"
    " stage.changed media.layers media.codecs playback.position session.state seat.moved"
    " seat.removed": NOTICES,
}
PAYLOADS: dict[str, object] = {
    "media.offer": {"sdp": "v=0"},
    "media.view": {"slot": 0, "max_height": 360},
    "chat.post": {"key": "k", "text": "Hello"},
    "chat.approve": {"message_id": "m"},
    "chat.reject": {"message_id": "m"},
    "chat.set_mode": {"mode": "open"},
    "stage.invite": {"person_id": "p"},
    "stage.show": {"shows": "screen"},
    "person.mute": {"person_id": "p"},
    "person.unmute": {"person_id": "p"},
    "person.remove": {"person_id": "p"},
    "playback.hand_back": {"where": "left_off"},
    "playback.skip_to": {"item_id": "one"},
    "playback.extend_buffer": {"seconds": 30},
    "playback.shorten_buffer": {"seconds": 30},
    "cta.launch": {"cta_id": "more"},
    "cta.withdraw": {"cta_id": "more"},
}


@pytest.mark.parametrize("names", INTERFACES)
def test_the_names_that_others_hold_on_to_are_there(names: str) -> None:
    """ROOM-4."""
    assert set(names.split()) <= set(INTERFACES[names])


def test_every_request_has_one_handler_and_every_notice_one_event() -> None:
    assert set(HANDLERS) == set(REQUESTS)
    assert sorted(EVENTS.values()) == sorted(NOTICES)


@pytest.mark.parametrize("event", REQUESTS)
@pytest.mark.parametrize("role", Role)
async def test_who_may_send_what_is_what_the_table_says(here: Served, event: str, role: Role) -> None:
    session = await here.world.session(RoomType.AUTOMATED)
    client = await here.join(session, "Somebody", role)

    answer = await client.request(event, PAYLOADS.get(event, {}))

    allowed = {
        Sender.ANYONE: True,
        Sender.ON_INVITATION: role is not Role.PARTICIPANT,
        Sender.MODERATOR: role is not Role.PARTICIPANT,
        Sender.HOST: role is Role.HOST,
    }[REQUESTS[event].sender]
    code = answer.get("error", {}).get("code")
    assert (code not in ("not_allowed", "not_invited")) is allowed, answer
    assert code is None or code in ERRORS
    if "ok" in answer:
        REQUESTS[event].reply.model_validate(answer["ok"])


def test_payloads_refuse_what_they_do_not_know() -> None:
    assert Wire.model_config["extra"] == "forbid"
    for request in REQUESTS.values():
        assert issubclass(request.payload, Wire)


def test_the_generated_files_are_what_the_source_says() -> None:
    """ROOM-4: documented."""
    assert generate.stale(generate.outputs()) == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    changed = tmp_path / "wire.ts"
    changed.write_text(typescript().replace("chat.post", "chat.posted"))
    assert generate.stale({changed: typescript()}) == [changed]
    assert generate.stale({tmp_path / "missing": ""}) == [tmp_path / "missing"]


def test_the_protocol_page_names_every_event_and_every_code() -> None:
    page = protocol_page()
    for name in (*REQUESTS, *NOTICES, *ERRORS, *CONNECT_ERRORS):
        assert f"`{name}`" in page


def test_every_code_is_worded_in_both_languages() -> None:
    folder = Path(generate.ROOT / "room_server/http/locale")
    for language in ("en", "fr"):
        texts = json.dumps(json.loads((folder / f"{language}.json").read_text("utf-8")))
        missing = [code for code in {**ERRORS, **CONNECT_ERRORS} if f'{code}"' not in texts]
        assert missing == [], language


def test_a_bucket_lets_the_limit_pass_and_fills_again() -> None:
    rates = Rates()
    limit, per_s = REQUESTS["chat.post"].limit, REQUESTS["chat.post"].per_s
    assert [rates.take("chat.post", 0.0) for _ in range(limit)] == [0.0] * limit
    wait_s = rates.take("chat.post", 0.0)
    assert 0 < wait_s <= per_s / limit
    assert rates.take("chat.approve", 0.0) == 0.0
    assert rates.take("chat.post", wait_s) == 0.0
    assert rates.take("chat.post", wait_s) > 0


def test_haste_is_forgiven_and_a_flood_is_not() -> None:
    patient, rude = Rates(), Rates()
    for second in range(1_000):
        patient.take("media.offer", second * 2.0)
    assert not patient.flooding
    for _ in range(FLOOD + REQUESTS["media.offer"].limit):
        rude.take("media.offer", 0.0)
    assert rude.flooding
