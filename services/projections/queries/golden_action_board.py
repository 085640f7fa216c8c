"""The boards of golden actions (P5) and their heat map (P7)."""

from collections.abc import Collection, Mapping
from typing import Any

from services.projections.domain.golden_actions import (
    GoldenCount,
    GoldenKey,
    LightSettings,
    golden_action_rows,
    heat_map,
)
from services.projections.domain.process_health import Scope
from services.projections.queries.asking import Asker, Question
from services.projections.queries.figures import ScopesAsked, golden_counts
from services.projections.queries.process_health_board import unit_of_rep
from shared.read_store import ReadStore

Counts = Mapping[tuple[Scope, GoldenKey], GoldenCount]


async def golden_action_board(
    reads: ReadStore, asker: Asker, question: Question, reps: Collection[str] | None = None
) -> dict[str, Any]:
    """Without a window all time; `reps` None: of everybody."""
    organisation = asker.organisation
    unit_id = asker.unit(question)
    children = organisation.children(unit_id)
    window = asker.window(question)
    until = asker.until(question, window)
    asked = ScopesAsked(asker.tenant_id, unit_id, children, reps)
    async with reads.reading() as connection:
        counts = _of_stage(question, await golden_counts(connection, asked, window, until))
    counted = {scope.rep_id for scope, _ in counts if scope.rep_id}
    units = {rep: unit_of_rep(organisation, rep, until) or unit_id for rep in counted}
    rows = golden_action_rows(unit_id, children, counts, units, lights(asker, question))
    only_rep = asker.only_rep(question)
    if only_rep is not None:
        rows = [row for row in rows if row["rep_id"] == only_rep]
    return {"as_of": asker.moment(question), "rows": rows}


async def heat_map_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Every unit of the subtree that had something due, by id, the unit asked for first."""
    unit_id = asker.unit(question)
    window = asker.window(question)
    below = sorted(asker.organisation.subtree(unit_id) - {unit_id})
    asked = ScopesAsked(asker.tenant_id, unit_id, below, ())
    async with reads.reading() as connection:
        until = asker.until(question, window)
        counts = _of_stage(question, await golden_counts(connection, asked, window, until))
    of_units = {(scope.unit_id, key): count for (scope, key), count in counts.items()}
    with_something = {unit for (unit, _), count in of_units.items() if count.due}
    if asker.only_rep(question) is not None:
        of_units, with_something = {}, set()
    units = [unit_id, *(unit for unit in below if unit in with_something)]
    board = heat_map(units, of_units, lights(asker, question))
    return {"as_of": asker.moment(question), **board}


def _of_stage(question: Question, counts: Counts) -> Counts:
    if question.stage is None:
        return counts
    return {key: count for key, count in counts.items() if key[1].stage == question.stage}


def lights(asker: Asker, question: Question) -> LightSettings:
    """As in force at the end of the window, without one at the moment asked about."""
    number = asker.organisation.number_setting
    at = asker.until(question, asker.window(question)).at
    return LightSettings(
        green_from=number("light_green", at), yellow_from=number("light_yellow", at)
    )
