"""LEAD_COURSES: a lead's owners, standing, shared fields and scores over time (P9, P14)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, assert_never, get_args

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.errors import PoisonMessage
from shared.events import leads as facts
from shared.projection import Projection

LeadCourseEvent = (
    facts.LeadCaptured
    | facts.LeadFieldsChanged
    | facts.LeadScored
    | facts.LeadAssigned
    | facts.LeadUnitChanged
    | facts.LeadReturned
    | facts.LeadReleased
    | facts.LeadDisqualified
    | facts.LeadEndingTakenBack
    | facts.LeadWithdrawn
)
UNKNOWN_BUDGET = (None, "untouched")


class HeldBy(NamedTuple):
    at: datetime
    owner_id: str | None
    unit_path: tuple[str, ...]
    event_id: str


class Standing(NamedTuple):
    """captured, assigned, returned, released or disqualified."""

    at: datetime
    status: str
    event_id: str


class SharedFields(NamedTuple):
    """Of L2 what is kept with the lead: budget status, core needs."""

    at: datetime
    budget_is_known: bool
    has_core_needs: bool
    event_id: str


class Scored(NamedTuple):
    at: datetime
    score: float
    event_id: str


At = TypeVar("At", HeldBy, Standing, SharedFields, Scored)


@dataclass(slots=True, kw_only=True)
class LeadCourse:
    lead_id: str
    customer_id: str
    captured_at: datetime
    captured_by: str
    held: list[HeldBy]
    standings: list[Standing]
    filled: list[SharedFields]
    scores: list[Scored] = field(default_factory=list)

    @property
    def first_assigned_at(self) -> datetime | None:
        return next((each.at for each in self.standings if each.status == "assigned"), None)


def latest(changes: Sequence[At], counts: Callable[[datetime], bool]) -> At | None:
    """The last one whose time counts."""
    return next((each for each in reversed(changes) if counts(each.at)), None)


def is_valid(lead: LeadCourse, counts: Callable[[datetime], bool]) -> bool:
    """Assigned, not returned, not disqualified, budget status known (P9)."""
    standing = latest(lead.standings, counts)
    filled = latest(lead.filled, counts)
    is_assigned = standing is not None and standing.status == "assigned"
    return is_assigned and filled is not None and filled.budget_is_known


def evolve(row: LeadCourse | None, recorded: RecordedEvent) -> LeadCourse | None:
    """None for a lead that never was. Raises PoisonMessage for a stream that does not begin with
    its capture."""
    event: LeadCourseEvent = recorded.event
    event_id = str(recorded.event_id)
    if isinstance(event, facts.LeadCaptured):
        return LeadCourse(
            lead_id=event.lead_id,
            customer_id=event.customer_id,
            captured_at=event.captured_at,
            captured_by=event_id,
            held=[HeldBy(event.captured_at, None, tuple(event.unit_path), event_id)],
            standings=[Standing(event.captured_at, "captured", event_id)],
            filled=[_filled(event, event.captured_at, event_id)],
        )
    if row is None:
        raise PoisonMessage(f"{recorded.stored.stream} begins with {recorded.stored.type}")
    match event:
        case facts.LeadFieldsChanged():
            row.filled.append(_filled(event, event.changed_at, event_id))
        case facts.LeadScored():
            row.scores.append(Scored(event.judged_at, event.score, event_id))
        case facts.LeadAssigned():
            path = tuple(event.unit_path)
            row.held.append(HeldBy(event.assigned_at, event.owner_id, path, event_id))
            row.standings.append(Standing(event.assigned_at, "assigned", event_id))
        case facts.LeadUnitChanged():
            path = tuple(event.unit_path)
            row.held.append(HeldBy(event.changed_at, event.owner_id, path, event_id))
        case facts.LeadReturned():
            row.standings.append(Standing(event.returned_at, "returned", event_id))
        case facts.LeadReleased():
            row.standings.append(Standing(event.released_at, "released", event_id))
        case facts.LeadDisqualified():
            row.standings.append(Standing(event.disqualified_at, "disqualified", event_id))
        case facts.LeadEndingTakenBack():
            if row.standings[-1].status == "disqualified":
                row.standings.pop()
        case facts.LeadWithdrawn():
            return None
        case _:
            assert_never(event)
    return row


def _filled(
    event: facts.LeadCaptured | facts.LeadFieldsChanged, at: datetime, event_id: str
) -> SharedFields:
    known = event.budget_status not in UNKNOWN_BUDGET
    return SharedFields(at, known, bool(event.core_needs), event_id)


def columns(row: LeadCourse) -> Mapping[str, Any]:
    assigned_at = row.first_assigned_at
    return {
        "customer_id": row.customer_id,
        "captured_at": milliseconds(row.captured_at),
        "first_assigned_at": None if assigned_at is None else milliseconds(assigned_at),
    }


def _lead_id(event: LeadCourseEvent) -> str:
    return event.lead_id


LEAD_COURSES: Projection[LeadCourse] = Projection(
    name="lead_courses",
    version=1,
    reads=get_args(LeadCourseEvent),
    row_type=LeadCourse,
    key=_lead_id,
    evolve=evolve,
    columns=columns,
)
