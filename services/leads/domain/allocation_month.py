"""ALLOCATION_MONTHS: who got how many leads of a unit in a month, and on which days who could."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from shared.envelope import RecordedEvent
from shared.events.leads import LeadAllocated
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class RepMonth:
    """`days`: on which something was allocated and the rep was eligible."""

    assigned: int = 0
    high_value: int = 0
    days: list[date] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class AllocationMonth:
    """Changed in place: an allocation among 1,000 reps touches each of them."""

    unit_id: str
    month: str
    reps: dict[str, RepMonth] = field(default_factory=dict)


def evolve(row: AllocationMonth | None, recorded: RecordedEvent) -> AllocationMonth:
    event: LeadAllocated = recorded.event
    month = row or AllocationMonth(unit_id=event.unit_id, month=_month(event))
    for rep_id in event.weights:
        days = month.reps.setdefault(rep_id, RepMonth()).days
        if not days or days[-1] != event.day:
            days.append(event.day)
    served = month.reps[event.rep_id]
    served.assigned += 1
    served.high_value += event.is_high_value
    return month


def _month(event: LeadAllocated) -> str:
    return event.day.isoformat()[:7]


def _key(event: LeadAllocated) -> str:
    return f"{event.unit_id}/{_month(event)}"


ALLOCATION_MONTHS: Projection[AllocationMonth] = Projection(
    name="allocation_months",
    version=1,
    reads=(LeadAllocated,),
    row_type=AllocationMonth,
    key=_key,
    evolve=evolve,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepFigures:
    """Of one rep in one month; `days` eligible, whatever was allocated."""

    rep_id: str
    assigned: int
    high_value: int
    days: int


def rep_figures(months: Iterable[AllocationMonth]) -> list[RepFigures]:
    """By id; of one month in several units, each rep once."""
    of_rep: dict[str, list[RepMonth]] = {}
    for month in months:
        for rep_id, rep in month.reps.items():
            of_rep.setdefault(rep_id, []).append(rep)
    return [
        RepFigures(
            rep_id=rep_id,
            assigned=sum(each.assigned for each in parts),
            high_value=sum(each.high_value for each in parts),
            days=len({day for each in parts for day in each.days}),
        )
        for rep_id, parts in sorted(of_rep.items())
    ]


def fairness(leads_by_days: Mapping[str, tuple[int, int]], at_least_days: float) -> float | None:
    """Gini of leads assigned ÷ days eligible over the reps eligible on at least so many days: 0 is
    equal. None where nobody was, or nothing was assigned to them (L7)."""
    rates = sorted(
        leads / days for leads, days in leads_by_days.values() if days and days >= at_least_days
    )
    total = sum(rates)
    if not total:
        return None
    number = len(rates)
    weighted = sum((2 * place - number - 1) * rate for place, rate in enumerate(rates, start=1))
    return max(0.0, weighted / (number * total))
