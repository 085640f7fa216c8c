"""The goals of the demonstration: set for headquarters every month, cascaded down to the reps."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from services.cli.demonstration.office_hours import OfficeHours
from services.cli.demonstration.planned import Planned, To
from services.cli.demonstration.staff import Staff
from services.projections.domain.goals import (
    FIRST_VISIT_RATE,
    PERSON,
    UNIT,
    VALID_LEADS,
    CascadeGoal,
    GoalKey,
    SetGoal,
)

_LEADS_A_REP = 1
_FIRST_VISIT_RATE = 0.25


def goals_of(
    staff: Staff, office: OfficeHours, start: datetime, until: datetime
) -> Iterator[Planned]:
    """On the first morning of a month, in the first one as the system is taken into use."""
    root = next(unit.unit_id for unit in staff.units if unit.parent_id is None)
    parts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for unit in staff.units:
        if unit.parent_id is not None:
            parts[unit.parent_id].append((UNIT, unit.unit_id))
    for rep in staff.reps:
        parts[rep.unit_id].append((PERSON, rep.person_id))
    targets = {
        VALID_LEADS: float(_LEADS_A_REP * len(staff.reps)),
        FIRST_VISIT_RATE: _FIRST_VISIT_RATE,
    }
    for set_at in _month_begins(office, start, until):
        month = f"{office.day_of(set_at):%Y-%m}"
        for metric, target in targets.items():
            key = GoalKey(UNIT, root, metric)
            wanted = SetGoal(month=month, key=key, target=target, set_by=None, now=set_at)
            below = CascadeGoal(
                month=month,
                unit_id=root,
                metric=metric,
                parts=parts,
                weights={},
                set_by=None,
                now=set_at,
            )
            for name, command in (("goal", wanted), ("cascade", below)):
                yield Planned(
                    name=f"{name} {month} {metric}",
                    sent_at=set_at,
                    to=To.GOALS,
                    aggregate_id=month,
                    command=command,
                    occurred_at=set_at,
                )


def _month_begins(office: OfficeHours, start: datetime, until: datetime) -> Iterator[datetime]:
    yield start + timedelta(seconds=2)
    day = office.day_of(start)
    while True:
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        morning = office.at(day, 8)
        if morning > until:
            return
        yield morning
