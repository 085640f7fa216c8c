"""The board of goals (P9): what was to be reached in a month, what was, and who is red."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from services.projections.domain.goal_board import ScopeMonth, goal_row, is_red
from services.projections.domain.goals import UNIT, VALID_LEADS, GoalKey
from services.projections.domain.process_health import Scope, scopes_listed
from services.projections.domain.windows import end_of
from services.projections.queries.action_health_board import month_asked
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.goal_months import (
    MonthAsked,
    goal_settings,
    scope_months,
    targets,
)
from services.projections.queries.process_health_board import unit_of_rep
from shared.organisation import Organisation
from shared.read_store import ReadStore


async def goals_board(
    reads: ReadStore, asker: Asker, question: Question, reps: Collection[str] | None = None
) -> dict[str, Any]:
    """Without a month the running one; `reps` None: of everybody. Raises Malformed for a week or a
    stage."""
    refuse_filters(question, "goals")
    month = month_asked(asker, question)
    now = asker.moment(question)
    until = end_of(month, now)
    organisation, unit_id = asker.organisation, asker.unit(question)
    children = organisation.children(unit_id)
    beside = siblings(organisation, unit_id)
    asked = MonthAsked(organisation, (unit_id, *children, *beside), month, until, reps)
    only_rep = asker.only_rep(question)
    if only_rep is not None:
        asked = asked._replace(unit_ids=(unit_id,), reps={only_rep}, with_units=False)
    async with reads.reading() as connection:
        held = await targets(connection, asker.tenant_id, month.name, until.at)
        found = await scope_months(connection, asked, now)
    with_goals = {key.scope_id for key in held if key.scope_kind == UNIT}
    listed = scopes_listed(
        unit_id,
        children,
        [scope for scope, each in found.items() if each.has_something]
        + [Scope(child, "") for child in children if child in with_goals],
    )
    rows = [
        goal_row(
            scope,
            month.name,
            found.get(scope, ScopeMonth()),
            held,
            red=not scope.rep_id
            and unit_is_red(organisation, scope.unit_id, found, held, until.at),
            unit_of_rep=unit_of_rep(organisation, scope.rep_id, until),
        )
        for scope in listed
        if only_rep is None or scope.rep_id == only_rep
    ]
    return {"as_of": now, "rows": rows}


def siblings(organisation: Organisation, unit_id: str) -> tuple[str, ...]:
    """The other units below the same one."""
    unit = organisation.units.get(unit_id)
    if unit is None or unit.parent_id is None:
        return ()
    return tuple(each for each in organisation.children(unit.parent_id) if each != unit_id)


def unit_is_red(
    organisation: Organisation,
    unit_id: str,
    found: dict[Scope, ScopeMonth],
    held: dict[GoalKey, float],
    at: datetime,
) -> bool:
    beside = [found.get(Scope(each, ""), ScopeMonth()) for each in siblings(organisation, unit_id)]
    own = found.get(Scope(unit_id, ""), ScopeMonth())
    target = held.get(GoalKey(UNIT, unit_id, VALID_LEADS))
    return is_red(own, target, beside, goal_settings(organisation, at))
