"""Facts of services/projections: the goals that are set for units and reps (P9)."""

from datetime import datetime

from shared.event_type import Plain, event


@event("projections.goal_set.v1")
class GoalSet:
    """What a unit, or a person, is to reach in a month. `scope_kind`: unit or person; `metric`:
    valid_leads, first_visit_rate, repeat_purchases or basket_growth; `cascaded_from`: the unit
    whose goal was divided. One stream per tenant and month."""

    month: Plain[str]
    scope_kind: Plain[str]
    scope_id: Plain[str]
    metric: Plain[str]
    target: Plain[float]
    cascaded_from: Plain[str | None]
    set_by: Plain[str | None]
    set_at: Plain[datetime]


@event("projections.goal_removed.v1")
class GoalRemoved:
    month: Plain[str]
    scope_kind: Plain[str]
    scope_id: Plain[str]
    metric: Plain[str]
    removed_at: Plain[datetime]
