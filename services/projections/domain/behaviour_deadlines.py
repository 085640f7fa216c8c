"""Limits of what people do: visits left incomplete (O4), revisions without questions (P13)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.projections.domain.limit_spans import (
    DeadlineSettings,
    Span,
    deadline_of,
    in_force,
    is_met,
    iso,
)
from services.projections.domain.opportunity_course import open_times
from services.projections.domain.opportunity_row import LoggedAction, OpportunityProcess
from services.projections.domain.visit_course import action_of
from shared.projection import Deadline

REVISION = "proposal_revised"


def visits_incomplete(row: OpportunityProcess, settings: DeadlineSettings) -> Iterator[Deadline]:
    """From the scan; ended by the last node, whenever it came to be known. It is the visitor's."""
    for visit in row.visits:
        action = action_of(row, visit)
        if action.is_voided:
            continue
        begun = action.at

        def due_at(set_to: DeadlineSettings, begun: datetime = begun) -> datetime:
            return begun + timedelta(hours=set_to.visit_incomplete_hours)

        set_to, due = in_force(settings, begun, visit.complete_at, due_at)
        assert due is not None
        if is_met(due, visit.complete_at):
            continue
        facts = {
            "visit_id": visit.action_id,
            "since": iso(begun),
            "limit_hours": set_to.visit_incomplete_hours,
        }
        span = Span(visit.event_id, due, visit.complete_at, visit.complete_by)
        found = deadline_of(row, "visit_incomplete", span, facts)
        if action.actor_id is not None and action.path >= 0:
            path = row.paths[action.path]
            found = found._replace(owner_id=action.actor_id, unit_path=path)
        yield found


class Revised(NamedTuple):
    """How often a proposal was revised and what the customer asked, while it was open."""

    revisions: Sequence[LoggedAction]
    asking: Sequence[LoggedAction]

    @property
    def questions(self) -> int:
        return sum(action.questions for action in self.asking)

    def asked_at(self, questions: int) -> LoggedAction | None:
        """The action in which the customer had asked so many."""
        asked = 0
        for action in self.asking:
            asked += action.questions
            if asked >= questions:
                return action
        return None


def revised(actions: Sequence[LoggedAction], until: datetime | None = None) -> Revised:
    """Of the counted actions, those up to a moment, included."""
    known = [each for each in actions if until is None or each.at <= until]
    return Revised(
        [each for each in known if each.type == REVISION],
        [each for each in known if each.questions],
    )


def revisions_warnings(
    row: OpportunityProcess, actions: Sequence[LoggedAction], settings: DeadlineSettings
) -> Iterator[Deadline]:
    """Due at the first revision too many; ended by the customer's questions, or by the closing."""
    found = revised(actions)
    if not found.revisions:
        return
    closed = [(each.closed[0], each.closed_by) for each in open_times(row) if each.closed]
    first = found.revisions[0]

    def due_at(set_to: DeadlineSettings) -> datetime | None:
        above = set_to.revisions_warning_above
        return found.revisions[above].at if len(found.revisions) > above else None

    set_to, due = in_force(settings, first.at, None, due_at)
    if due is None:
        return
    asked = found.asked_at(set_to.revisions_questions_below)
    ends = [] if asked is None or settings.is_bound else [(asked.at, asked.event_id)]
    ends += [(at, by or "") for at, by in closed if at >= due]
    end = min(ends, default=None)
    if end is not None and is_met(due, end[0]):
        return
    anchor = found.revisions[set_to.revisions_warning_above]
    facts = {
        "revisions": set_to.revisions_warning_above + 1,
        "questions": sum(each.questions for each in found.asking if each.at <= due),
        "since": iso(first.at),
    }
    span = Span(anchor.event_id, due, *(end or (None, None)))
    yield deadline_of(row, "revisions_warning", span, facts)
