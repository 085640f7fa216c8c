"""Texts of a mapping with places for a row's values: `rep-{actor}`, `team-{actor mod 4}`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_PLACE = re.compile(r"\{([^{}]*)\}")
_CONTENT = re.compile(r"(?P<name>[^{}]+?)(?:\s+mod\s+(?P<modulus>[1-9]\d*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A named value of the row; with `modulus` the remainder of the whole number in it."""

    name: str
    modulus: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    text: str
    parts: tuple[str | Place, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The row's values that it reads, each once, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Place)))


class TemplateIsMalformed(Exception):
    """A text with a brace that opens or closes nothing, or an empty place."""


class ValueIsNoNumber(Exception):
    """A place with `mod` met a value that is no whole number; `name` is the value's."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(f"{value!r} is not a whole number")
        self.name = name


def parse_template(text: str) -> Template:
    """Raises TemplateIsMalformed."""
    parts: list[str | Place] = []
    end = 0
    for found in _PLACE.finditer(text):
        if found.start() > end:
            parts.append(text[end : found.start()])
        parts.append(_place(found.group(1).strip()))
        end = found.end()
    if end < len(text):
        parts.append(text[end:])
    if any(isinstance(part, str) and ("{" in part or "}" in part) for part in parts):
        raise TemplateIsMalformed("a brace without its partner")
    return Template(text=text, parts=tuple(parts))


def _place(content: str) -> Place:
    found = _CONTENT.fullmatch(content)
    if found is None:
        raise TemplateIsMalformed("a place names a value, like {actor} or {actor mod 4}")
    modulus = found["modulus"]
    return Place(name=found["name"], modulus=int(modulus) if modulus else None)


def render(template: Template, value_of: Callable[[str], str]) -> str:
    """The text with the row's values, without blanks around it. Raises ValueIsNoNumber."""
    return "".join(
        part if isinstance(part, str) else _filled(part, value_of) for part in template.parts
    ).strip()


def _filled(place: Place, value_of: Callable[[str], str]) -> str:
    value = value_of(place.name)
    if place.modulus is None:
        return value
    if not (value.isascii() and value.isdigit()):
        raise ValueIsNoNumber(place.name, value)
    return str(int(value) % place.modulus)
