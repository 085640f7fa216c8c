"""Every limit that ran or runs for an opportunity, over its whole history (O1, O4, O6 …)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.projections.domain.behaviour_deadlines import (
    revisions_warnings,
    visits_incomplete,
)
from services.projections.domain.limit_spans import DEFAULT_SETTINGS, DeadlineSettings
from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.people_deadlines import (
    approvals_overdue,
    next_actions_due,
    no_responses,
)
from services.projections.domain.stage_deadlines import (
    golden_actions_overdue,
    stages_overdue,
    stalled,
)
from shared.projection import Deadline
from shared.tenant_settings import (
    FEWEST_CONTACTS,
    FEWEST_REVISIONS,
    LONGEST_REMINDER_HOURS,
    MOST_QUESTIONS,
    SHORTEST_APPROVAL_HOURS,
    SHORTEST_VISIT_HOURS,
)

RULES = (
    "stalled",
    "stage_overdue",
    "golden_action_overdue",
    "next_action_due",
    "next_action_reminder",
    "approval_overdue",
    "no_response",
    "visit_incomplete",
    "revisions_warning",
)


def is_missed(deadline: Deadline, clock: datetime) -> bool:
    """Over a limit is strictly longer; what happened at or before `due_at` prevents it."""
    return deadline.due_at < clock and (
        deadline.ended_at is None or deadline.ended_at > deadline.due_at
    )


def deadlines(
    row: OpportunityProcess, settings: DeadlineSettings = DEFAULT_SETTINGS
) -> list[Deadline]:
    """Every limit that was missed, long ago too, or still runs; those met in time are left out."""
    actions = counted_actions(row)
    return [
        *stalled(row, actions, settings),
        *stages_overdue(row, settings),
        *golden_actions_overdue(row, actions, settings),
        *next_actions_due(row, actions, settings),
        *approvals_overdue(row, settings),
        *no_responses(row, actions, settings),
        *visits_incomplete(row, settings),
        *revisions_warnings(row, actions, settings),
    ]


def next_due(
    row: OpportunityProcess,
    after: datetime | None = None,
    settings: DeadlineSettings = DEFAULT_SETTINGS,
) -> datetime | None:
    """The earliest due time from `after` on that was not met in time, None when nothing runs."""
    return earliest_due(deadlines(row, settings), after)


class WallTime:
    """Every day works: no calendar lets a limit end earlier."""

    def due_at(self, anchor: datetime, seconds: float) -> datetime:
        return anchor + timedelta(seconds=seconds)


BOUND_SETTINGS = DeadlineSettings(
    calendar=WallTime(),
    approval_limit_hours=SHORTEST_APPROVAL_HOURS,
    approval_in_business_time=False,
    no_response_after=FEWEST_CONTACTS,
    next_action_reminder_hours=LONGEST_REMINDER_HOURS,
    visit_incomplete_hours=SHORTEST_VISIT_HOURS,
    revisions_warning_above=FEWEST_REVISIONS,
    revisions_questions_below=MOST_QUESTIONS,
    is_bound=True,
)


def due_bound(row: OpportunityProcess) -> datetime | None:
    """Not later than `next_due` by whatever calendar a tenant keeps: when the watch must look."""
    return next_due(row, settings=BOUND_SETTINGS)


def earliest_due(every: Iterable[Deadline], after: datetime | None = None) -> datetime | None:
    """See `next_due`: of deadlines worked out already."""
    moments = (deadline.due_at for deadline in every)
    return min((due for due in moments if after is None or due >= after), default=None)


def next_look(every: Iterable[Deadline], clock: datetime) -> datetime | None:
    """When the clock gets to something new: a limit that falls due, or the end of one missed by
    now, where the subject is known further than the clock has come."""
    every = list(every)
    ends = [
        deadline.ended_at
        for deadline in every
        if is_missed(deadline, clock) and deadline.ended_at is not None
    ]
    moments = [earliest_due(every, after=clock), *(end for end in ends if end > clock)]
    return min((moment for moment in moments if moment is not None), default=None)


def anchor_key(deadline: Deadline) -> str:
    """What tells signals of one subject and rule apart: the anchor, with the golden action's name,
    since one entering may start several."""
    action = dict(deadline.facts).get("action")
    return f"{deadline.anchor_event_id}:{action}" if action else deadline.anchor_event_id
