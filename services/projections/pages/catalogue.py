"""The messages of the pages: written in English, translated in the catalogues beside."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

LANGUAGES = ("zh", "en")
SOURCE_LANGUAGE = "en"
CATALOGUES = Path(__file__).parent / "catalogues"


class Catalogue:
    """What `gettext` and `ngettext` answer in one language; the source language needs no file."""

    def __init__(self, messages: Mapping[str, tuple[str, ...]]) -> None:
        self._messages = messages

    def gettext(self, message: str) -> str:
        found = self._messages.get(message)
        return found[0] if found else message

    def ngettext(self, one: str, many: str, number: float) -> str:
        """Chinese has one form for all numbers."""
        found = self._messages.get(one)
        return found[0] if found else one if number == 1 else many


@cache
def catalogue(language: str) -> Catalogue:
    if language == SOURCE_LANGUAGE:
        return Catalogue({})
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language, charset="utf-8")
    return Catalogue({_id(each.id): _texts(each.string) for each in read if each.id})


def _id(found: Any) -> str:
    return found if isinstance(found, str) else found[0]


def _texts(found: Any) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


def message(text: str) -> str:
    """Marks a text of a table for the catalogues; it is translated where it is said."""
    return text
