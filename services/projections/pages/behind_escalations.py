"""What an escalation is about, as a page: the timeline, the case, the figure of the board."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.projections.domain.window_signals import GOAL_RED, LIGHT_RED
from services.projections.domain.windows import month_of, week_of
from services.projections.pages.board_addresses import why_path
from services.projections.pages.own_api import moment_said
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question
from shared.access import Resource

_A_MOMENT = timedelta(milliseconds=1)
_FIGURE_OF_GOALS = "first_visit_rate"


class Behind(NamedTuple):
    path: str
    title: str


def behind(visit: Visit, row: Mapping[str, Any], facts: Mapping[str, Any]) -> Behind | None:
    """None where there is nothing but its own course, or nothing that the reader may open."""
    kind, subject_id = row["subject_kind"], row["subject_id"]
    say = visit.words.say
    if kind in ("opportunity", "lead"):
        title = say("What was tried: the timeline")
        return Behind(f"/timelines/{kind}/{subject_id}", title)
    if kind == "case" and visit.may(Resource.AUTHENTICITY):
        return Behind(f"/authenticity-cases/{subject_id}", say("The records that prove it"))
    path = _figure(visit, row, facts)
    return Behind(path, say("The figure, and what is behind it")) if path else None


def _figure(visit: Visit, row: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """Of the window that was over when it fell due."""
    whose = {"rep" if row["subject_kind"] == "person" else "unit": row["subject_id"]}
    over_at: datetime = moment_said(row["due_at"]) - _A_MOMENT
    zone = visit.organisation.zone(over_at)
    if row["rule"] == LIGHT_RED and "measure" in facts:
        asked = Question(week=week_of(over_at, zone).name)
        return why_path("traffic-lights", asked, facts["measure"], **whose)
    if row["rule"] == GOAL_RED:
        asked = Question(month=month_of(over_at, zone).name)
        return why_path("goals", asked, _FIGURE_OF_GOALS, **whose)
    return None
