"""Golden actions by stage, unit and rep with their lights, and the heat map of them (P5, P7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.projections.domain.process_health import Scope, ratio, scopes_listed


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSettings:
    green_from: float = 0.90
    yellow_from: float = 0.70


DEFAULT_LIGHTS = LightSettings()


class GoldenKey(NamedTuple):
    stage: str
    action: str


class GoldenCount(NamedTuple):
    done: int
    due: int


def light(rate: float | None, settings: LightSettings = DEFAULT_LIGHTS) -> str | None:
    """green, yellow or red by the unrounded rate; None where there is nothing to count."""
    if rate is None:
        return None
    if rate >= settings.green_from:
        return "green"
    return "yellow" if rate >= settings.yellow_from else "red"


def golden_action_rows(
    unit_id: str,
    children: Sequence[str],
    counts: Mapping[tuple[Scope, GoldenKey], GoldenCount],
    units_of_reps: Mapping[str, str],
    settings: LightSettings = DEFAULT_LIGHTS,
) -> list[dict[str, Any]]:
    """U's golden actions are listed even with nothing due; those of others only where due.

    `counts` hold every golden action that U ever had due, with 0 where the window has none.
    """
    counted = {scope for (scope, _), count in counts.items() if count.due}
    keys = sorted({key for scope, key in counts if scope == Scope(unit_id, "")})
    rows = []
    for scope in scopes_listed(unit_id, children, counted):
        for key in keys:
            count = counts.get((scope, key), GoldenCount(0, 0))
            if not count.due and scope != Scope(unit_id, ""):
                continue
            unit = units_of_reps.get(scope.rep_id, unit_id) if scope.rep_id else scope.unit_id
            rows.append(
                {"unit_id": unit, "rep_id": scope.rep_id or None, **_cell(key, count, settings)}
            )
    return rows


def heat_map(
    units: Sequence[str],
    counts: Mapping[tuple[str, GoldenKey], GoldenCount],
    settings: LightSettings = DEFAULT_LIGHTS,
) -> dict[str, Any]:
    """One row a unit, one cell a golden action in the same order for all (P7)."""
    keys = sorted({key for _, key in counts})
    return {
        "actions": [{"stage": key.stage, "action": key.action} for key in keys],
        "rows": [
            {
                "unit_id": unit_id,
                "cells": [
                    _cell(key, counts.get((unit_id, key), GoldenCount(0, 0)), settings)
                    for key in keys
                ],
            }
            for unit_id in units
        ],
    }


def _cell(key: GoldenKey, count: GoldenCount, settings: LightSettings) -> dict[str, Any]:
    rate = ratio(count.done, count.due)
    return {
        "stage": key.stage,
        "action": key.action,
        "done": count.done,
        "due": count.due,
        "rate": rate,
        "light": light(rate, settings),
    }
