"""The board of the action health index (P4): units and reps in a month."""

from datetime import datetime
from typing import Any

from services.projections.domain.action_health import (
    ActionHealthSettings,
    MonthOfActions,
    action_health_row,
)
from services.projections.domain.process_health import scopes_listed
from services.projections.domain.windows import Window, end_of, month_of
from services.projections.queries.asking import (
    Asker,
    Question,
    refuse_filters,
    refuse_windows,
)
from services.projections.queries.behaviour_figures import Span, UnitsAsked, months_of_actions
from services.projections.queries.process_health_board import unit_of_rep
from shared.organisation import Organisation
from shared.read_store import ReadStore


async def action_health_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Without a month the running one. Raises Malformed for a week or a stage."""
    refuse_filters(question, "action-health")
    month = month_asked(asker, question)
    until = end_of(month, asker.moment(question))
    unit_id = asker.unit(question)
    children = asker.organisation.children(unit_id)
    settings = action_health_settings(asker.organisation, until.at)
    asked = UnitsAsked(asker.tenant_id, (unit_id, *children))
    async with reads.reading() as connection:
        span = Span(month.begins, until)
        found = await months_of_actions(connection, asked, span, settings.timely_record_hours)
    only_rep = asker.only_rep(question)
    counted = [scope for scope, each in found.items() if each.has_something]
    rows = [
        action_health_row(
            scope,
            month.name,
            found.get(scope, MonthOfActions()),
            settings,
            unit_of_rep(asker.organisation, scope.rep_id, until),
        )
        for scope in scopes_listed(unit_id, children, counted)
        if only_rep is None or scope.rep_id == only_rep
    ]
    return {"as_of": asker.moment(question), "rows": rows}


def month_asked(asker: Asker, question: Question) -> Window:
    """The month named, else the running one. Raises Malformed for another window."""
    refuse_windows(question, ("week", "quarter"), "a board of months")
    named = asker.window(question)
    return named or month_of(asker.moment(question), asker.zone(question))


def action_health_settings(organisation: Organisation, at: datetime) -> ActionHealthSettings:
    number = organisation.number_setting
    return ActionHealthSettings(
        timely_record_hours=int(number("timely_record_hours", at)),
        timeliness_norm=number("action_health_timeliness", at),
        richness_norm=number("action_health_richness", at),
        consistency_norm=number("action_health_consistency", at),
        least_visits=int(number("action_health_least_visits", at)),
        coach_below=number("coach_below_index", at),
    )
