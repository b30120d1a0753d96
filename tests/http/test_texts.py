"""The catalogue: both languages whole, typographically right, and with words for every code there is."""

from __future__ import annotations

import json
import re
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest

import room_server
from room_server.http.texts import LANGUAGES, texts
from signaling.tables import CONNECT_ERRORS, ERRORS

LOCALE = Path(room_server.__file__).parent / "http/locale"
CATALOGUES = {language: json.loads((LOCALE / f"{language}.json").read_text()) for language in LANGUAGES}
SECTIONS = ("refusals", "pages")
CODE = re.compile(r'(?<!\w)(?:Refused|ProtocolError)\(\s*"([a-z_]+)"')


def codes_in_the_sources() -> set[str]:
    folder = Path(room_server.__file__).parent
    return {code for path in folder.rglob("*.py") for code in CODE.findall(path.read_text())}


def facts_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("section", SECTIONS)
def test_both_languages_say_the_same_things(section: str) -> None:
    english, french = (CATALOGUES[language][section] for language in LANGUAGES)
    assert english.keys() == french.keys()
    assert {key: facts_of(text) for key, text in english.items()} == {
        key: facts_of(text) for key, text in french.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_the_server_and_the_wire_has_words(language: str) -> None:
    used = codes_in_the_sources() | ERRORS.keys() | CONNECT_ERRORS.keys()
    assert len(used) > 30, "the search finds the codes"
    assert used - CATALOGUES[language]["refusals"].keys() == set()


@pytest.mark.parametrize("section", SECTIONS)
def test_french_has_french_typography(section: str) -> None:
    for key, text in CATALOGUES["fr"][section].items():
        assert not re.search(r" [:;?!»]", text), f"{key}: a space before : ; ? ! » does not break"
        assert not re.search(r"\w[;?!]", re.sub(r"\{[^}]*\}", "x", text)), f"{key}: a space before ; ? !"
        assert "'" not in text, f"{key}: ’ is the apostrophe"
        assert '"' not in text, f"{key}: « » are the quotation marks"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_that_nobody_knows_still_gets_a_sentence(language: str) -> None:
    generic = texts().refusal("internal", language, {"id": "1234"})
    assert "1234" in generic
    assert texts().refusal("no_such_code", language, {"id": "1234"}) == generic


def test_a_template_whose_facts_are_missing_counts_as_unknown() -> None:
    assert "{" not in texts().refusal("seat_taken", "en", {})


def test_a_page_text_that_is_missing_is_our_bug() -> None:
    with pytest.raises(KeyError):
        texts().page("no.such.text", "en")


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("en", "Europe/Paris", "3 December, 14:02 (Paris)"),
        ("fr", "Europe/Paris", "3 décembre, 14\u00a0h\u00a002 (Paris)"),
        ("fr", "America/Toronto", "3 décembre, 08\u00a0h\u00a002 (Toronto)"),
        ("fr", "Europe/London", "3 décembre, 13\u00a0h\u00a002 (Londres)"),
        ("en", "UTC", "3 December, 13:02 (UTC)"),
    ],
)
def test_times_are_told_in_the_sessions_zone_with_its_name(language: str, zone: str, said: str) -> None:
    facts = {"opens_at": datetime(2026, 12, 3, 13, 2, tzinfo=UTC), "time_zone": zone}
    assert said in texts().refusal("not_open_yet", language, facts)
