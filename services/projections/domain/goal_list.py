"""GOAL_LIST: every month's targets, with those that held before them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, assert_never

from services.projections.domain.goals import GoalEvent, GoalKey
from shared.envelope import RecordedEvent
from shared.events.goals import GoalRemoved, GoalSet
from shared.projection import Projection


class TargetSet(NamedTuple):
    """`target` None: removed."""

    at: datetime
    scope_kind: str
    scope_id: str
    metric: str
    target: float | None
    event_id: str


@dataclass(slots=True, kw_only=True)
class MonthOfGoals:
    changes: list[TargetSet] = field(default_factory=list)

    def at(self, moment: datetime) -> dict[GoalKey, TargetSet]:
        """What held at a moment."""
        held: dict[GoalKey, TargetSet] = {}
        for change in self.changes:
            if change.at <= moment:
                key = GoalKey(change.scope_kind, change.scope_id, change.metric)
                held[key] = change
        return {key: change for key, change in held.items() if change.target is not None}


def evolve(row: MonthOfGoals | None, recorded: RecordedEvent) -> MonthOfGoals:
    month = MonthOfGoals() if row is None else row
    event: GoalEvent = recorded.event
    target: float | None
    match event:
        case GoalSet():
            at, target = event.set_at, float(event.target)
        case GoalRemoved():
            at, target = event.removed_at, None
        case _:
            assert_never(event)
    named = (event.scope_kind, event.scope_id, event.metric)
    month.changes.append(TargetSet(at, *named, target, str(recorded.event_id)))
    return month


def _month(event: GoalEvent) -> str:
    return event.month


GOAL_LIST: Projection[MonthOfGoals] = Projection(
    name="goals",
    version=1,
    reads=(GoalSet, GoalRemoved),
    row_type=MonthOfGoals,
    key=_month,
    evolve=evolve,
)
