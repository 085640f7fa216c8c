"""How a figure with a light is shown: a level with its shape and word, the worst first."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit

_LEVELS: Mapping[str | None, str] = {
    "green": "fine",
    "yellow": "soon",
    "red": "over",
    None: "none",
}
_LIGHTS: Mapping[str, str] = {
    "green": message("green"),
    "yellow": message("yellow"),
    "red": message("red"),
}
WORST_FIRST = ("over", "soon", "fine", "none")
Row = dict[str, Any]


def lit(visit: Visit, row: Row) -> Row:
    light = row["light"]
    named = visit.words.say(_LIGHTS[light]) if light else ""
    return {**row, "level": _LEVELS[light], "light_named": named}


def badness(rows: Iterable[Row]) -> tuple[int, ...]:
    """More red ones first, of equals more yellow ones."""
    counts = counts_of(rows)
    return tuple(-counts[level] for level in WORST_FIRST)


def counts_of(rows: Iterable[Row]) -> dict[str, int]:
    levels = [each["level"] for each in rows]
    return {level: levels.count(level) for level in WORST_FIRST}
