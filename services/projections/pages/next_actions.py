"""What a rep does next: own open opportunities, what is due first on top, and what each asks for
(O13)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.projections.pages.action_form import FIELD, UNKNOWN_TYPE, Types
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question
from services.projections.queries.latest_deeds import LatestDeeds, latest_deeds, said_last
from services.projections.queries.silence_board import silence_board
from shared.events.opportunities import FieldValue

_SHOWN = 50
_REPEATED = ("choice", "boolean")
"""Kinds of fields that the last action fills in; what is typed or counted is of one action."""
Row = dict[str, Any]


async def next_actions(visit: Visit, types: Types) -> list[Row]:
    """Due is a booked action, or the silence."""
    me = visit.caller.person_id
    question = Question(rep_id=me, limit=_SHOWN)
    reads, asker = visit.ports.read_store, visit.asker
    rows = (await silence_board(reads, asker, question))["rows"] if me else []
    ids = [row["opportunity_id"] for row in rows]
    deeds = await latest_deeds(reads, asker.tenant_id, ids, asker.clock)
    await visit.know_customers([row["customer_id"] for row in rows])
    for row in rows:
        row["deeds"] = found = deeds[row["opportunity_id"]]
        row["hours_left"] = _hours_left(row["hours_left"], found, asker.clock)
        row["asked"] = _asked(found, types)
        row["said"] = await _said_last(visit, types, row["opportunity_id"], found)
    rows.sort(key=lambda row: (row["hours_left"] is None, row["hours_left"] or 0.0))
    return rows


async def asked_of(visit: Visit, types: Types, opportunity_id: str, type_name: str) -> list[str]:
    """The evidence that an action of the type has to have now; nothing of what is not known."""
    asker = visit.asker
    ids = [opportunity_id]
    deeds = await latest_deeds(visit.ports.read_store, asker.tenant_id, ids, asker.clock)
    return _asked(deeds.get(opportunity_id), types).get(type_name, [])


def worked_on_last(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: row["deeds"].at, default=None)


def _asked(deeds: LatestDeeds | None, types: Types) -> dict[str, list[str]]:
    """What a type asks for itself, and the stage for its golden actions (P3)."""
    golden = deeds.asked if deeds else {}
    asked = {
        name: list(dict.fromkeys((*golden.get(name, ()), *row["evidence"])))
        for name, row in types.items()
    }
    return {name: kinds for name, kinds in asked.items() if kinds}


async def _said_last(
    visit: Visit, types: Types, opportunity_id: str, deeds: LatestDeeds
) -> dict[str, str]:
    """By field of the form; nothing is read where the type has no field to be repeated."""
    row = types.get(deeds.last_type or "", UNKNOWN_TYPE)
    repeated = [each["name"] for each in row["fields"] if each["kind"] in _REPEATED]
    if not repeated:
        return {}
    said = await said_last(visit.ports, visit.asker.tenant_id, opportunity_id, deeds)
    return {
        f"{FIELD}{name}": _as_chosen(said[name]) for name in repeated if said.get(name) is not None
    }


def _as_chosen(value: FieldValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hours_left(silence: float | None, deeds: LatestDeeds, now: datetime) -> float | None:
    if deeds.booked_at is None:
        return silence
    booked = (deeds.booked_at - now).total_seconds() / 3600
    return booked if silence is None else min(silence, booked)
