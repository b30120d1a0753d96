"""Words for people, in French and English: refusals by their code, and the texts of pages.

A template names its facts in braces.  Instants are written in the session's zone, with the zone named, when
the facts hold `time_zone`.

Invariant: a reader gets a sentence for any code; one that the catalogue does not know gets the generic one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from room_server.access.device import in_language

LANGUAGES = ("en", "fr")
DEFAULT_LANGUAGE = "en"

_FOLDER = Path(__file__).with_name("locale")
_GENERIC = "internal"


class Texts:
    """The catalogue, one file a language: `{"refusals": {code: template}, "pages": {key: template}}`."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self._catalogues = catalogues

    def refusal(self, code: str, language: str, facts: Mapping[str, object]) -> str:
        """Return the sentence for `code`; a template whose facts are missing counts as unknown.

        A fact `policy` chooses `code.policy` where the catalogue has it.
        """
        refusals = self._catalogues[known(language)]["refusals"]
        words = said_facts(facts, known(language))
        template = refusals.get(f"{code}.{facts.get('policy')}", refusals.get(code))
        if template is not None:
            try:
                return template.format_map(words)
            except KeyError:
                pass
        return refusals[_GENERIC].format_map({"id": "–", **words})

    def page(self, key: str, language: str, **facts: object) -> str:
        """Return a page's text; raises `KeyError` for an unknown key, which is our bug."""
        return self._catalogues[known(language)]["pages"][key].format_map(said_facts(facts, known(language)))


@cache
def texts() -> Texts:
    """Read the catalogue that ships with the program."""
    return Texts(
        {
            language: json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
            for language in LANGUAGES
        }
    )


def known(language: str) -> str:
    """Return `language` if it is one of ours, else the default; "fr-CA" is "fr"."""
    family = language.partition("-")[0].lower()
    return family if family in LANGUAGES else DEFAULT_LANGUAGE


def said_facts(facts: Mapping[str, object], language: str) -> dict[str, str]:
    """Return the facts as words."""
    zone_name = facts.get("time_zone")
    zone = ZoneInfo(zone_name) if isinstance(zone_name, str) else None
    said: dict[str, str] = {}
    for name, fact in facts.items():
        if isinstance(fact, datetime):
            said[name] = _time(fact, zone, language)
        elif name == "device":
            said[name] = in_language(str(fact), language)
        elif name == "zone":
            said[name] = city(ZoneInfo(str(fact)), language)
        else:
            said[name] = str(fact)
    return said


def _time(at: datetime, zone: ZoneInfo | None, language: str) -> str:
    """Return the day and the time, as in "3 December, 14:00 (Paris)" and « 3 décembre, 14 h 00 (Paris) »."""
    from babel.dates import format_date

    local = at.astimezone(zone) if zone else at
    day = format_date(local.date(), "d MMMM", locale=language)
    time = f"{local:%H}\u00a0h\u00a0{local:%M}" if language == "fr" else f"{local:%H:%M}"
    return f"{day}, {time} ({city(zone, language)})"


def city(zone: ZoneInfo | None, language: str) -> str:
    """Return the city that names a zone, in `language`: "Paris", "Montréal", "UTC"."""
    if zone is None or "/" not in zone.key:
        return "UTC" if zone is None else zone.key
    from babel import Locale

    named = cast(Mapping[str, Mapping[str, str]], Locale.parse(language).time_zones)
    return named.get(zone.key, {}).get("city") or zone.key.rpartition("/")[2].replace("_", " ")
