"""LEAD_BEHAVIOUR: what health and the chance to convert read of every lead (S1, S2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.scoring.domain.behaviour import Deed
from shared.envelope import RecordedEvent
from shared.errors import PoisonMessage
from shared.events.leads import (
    LeadAssigned,
    LeadAttribute,
    LeadBehaviourNoted,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadFieldsChanged,
    LeadReleased,
    LeadReturned,
    LeadScored,
    LeadUnitChanged,
    LeadWithdrawn,
)
from shared.projection import Projection

OPEN, RETURNED, CONVERTED, DISQUALIFIED = "open", "returned", "converted", "disqualified"
WITHDRAWN = "withdrawn"
DEEDS_KEPT = 100
YES = True

Traits = dict[str, LeadAttribute]


@dataclass(slots=True, kw_only=True)
class RulePoints:
    """The parts of the score by rules (L4)."""

    source: float
    behaviour: float
    timeliness: float


@dataclass(slots=True, kw_only=True)
class Holding:
    """Somebody has it; `until` None: still."""

    since: datetime
    until: datetime | None = None


@dataclass(slots=True, kw_only=True)
class LeadBehaviour:
    """`traits`: what was known before anybody contacted it; what is learned from a contact would
    tell a model the answer. `changed_at`: since then its chance may be another."""

    lead_id: str
    customer_id: str
    unit_path: tuple[str, ...]
    captured_at: datetime
    changed_at: datetime
    traits: Traits
    status: str = OPEN
    owner_id: str | None = None
    holdings: list[Holding] = field(default_factory=list)
    contacted: bool = False
    behaviours: tuple[str, ...] = ()
    points: RulePoints | None = None
    deeds: list[Deed] = field(default_factory=list)

    def holding_at(self, at: datetime) -> Holding | None:
        """Whose it was at a moment: given before, and kept, or given up then or later."""
        for held in reversed(self.holdings):
            if held.since < at and (held.until is None or held.until >= at):
                return held
        return None

    def held_since(self, at: datetime) -> datetime:
        """Since when somebody had it all the time, whoever did. At `at` somebody has it."""
        since = at
        for held in reversed(self.holdings):
            if held.since < at and (held.until is None or held.until >= since):
                since = held.since
        return since

    @property
    def is_held(self) -> bool:
        return bool(self.holdings) and self.holdings[-1].until is None

    @property
    def is_open(self) -> bool:
        return self.status == OPEN

    @property
    def is_closed(self) -> bool:
        return self.status in (CONVERTED, DISQUALIFIED)


MOST_FOR_SOURCE, MOST_FOR_BEHAVIOUR, MOST_FOR_TIMELINESS = 30.0, 40.0, 30.0


def points_so_far(row: LeadBehaviour, worth: Mapping[str, float]) -> RulePoints:
    """As judged; until then nobody can be late, and what it did counts at once (L4). `worth`:
    points by source and by behaviour."""
    if row.points is not None:
        return row.points
    source = worth.get(str(row.traits["source"]), worth.get("other", 0.0))
    behaviour = sum(worth.get(each, 0.0) for each in set(row.behaviours))
    return RulePoints(
        source=min(MOST_FOR_SOURCE, source),
        behaviour=min(MOST_FOR_BEHAVIOUR, behaviour),
        timeliness=MOST_FOR_TIMELINESS,
    )


def evolve(row: LeadBehaviour | None, recorded: RecordedEvent) -> LeadBehaviour:
    event = recorded.event
    if isinstance(event, LeadCaptured):
        return _captured(event) if row is None else _captured_again(row, recorded)
    if row is None:
        raise PoisonMessage(f"{recorded.stored.type} of a lead never captured")
    _change(row, event)
    row.changed_at = max(row.changed_at, recorded.stored.recorded_at)
    return row


def _captured_again(row: LeadBehaviour, recorded: RecordedEvent) -> LeadBehaviour:
    """What was withdrawn never was; it changed when it came again."""
    again = _captured(recorded.event)
    again.changed_at = max(row.changed_at, recorded.stored.recorded_at)
    return again


def _change(row: LeadBehaviour, event: Any) -> None:
    match event:
        case LeadFieldsChanged():
            _learn(row, _traits_of_fields(event))
        case LeadBehaviourNoted():
            row.behaviours = (*row.behaviours, event.behaviour)
            _learn(row, {f"behaviour:{event.behaviour}": YES})
        case LeadScored():
            row.points = RulePoints(
                source=event.source_points,
                behaviour=event.behaviour_points,
                timeliness=event.timeliness_points,
            )
        case LeadAssigned():
            row.owner_id, row.unit_path = event.owner_id, tuple(event.unit_path)
            _let_go(row, event.assigned_at)
            row.holdings.append(Holding(since=event.assigned_at))
        case LeadUnitChanged():
            row.unit_path = tuple(event.unit_path)
        case LeadContacted():
            row.contacted = True
            row.deeds = [*row.deeds, _deed(event)][-DEEDS_KEPT:]
        case LeadReturned():
            row.status, row.owner_id = RETURNED, None
            _let_go(row, event.returned_at)
        case LeadReleased():
            row.status = OPEN
        case LeadConverted():
            row.status = CONVERTED
            _let_go(row, event.converted_at)
        case LeadDisqualified():
            row.status = DISQUALIFIED
            _let_go(row, event.disqualified_at)
        case LeadEndingTakenBack():
            row.status = RETURNED if event.status == RETURNED else OPEN
            if row.owner_id is not None and row.holdings:
                row.holdings[-1].until = None
        case LeadWithdrawn():
            row.status, row.holdings, row.deeds = WITHDRAWN, [], []


def _let_go(row: LeadBehaviour, at: datetime) -> None:
    if row.is_held:
        row.holdings[-1].until = at


def _learn(row: LeadBehaviour, traits: Traits) -> None:
    if not row.contacted:
        row.traits = {**row.traits, **traits}


def _captured(event: LeadCaptured) -> LeadBehaviour:
    traits: Traits = {"source": event.source, **_traits_of_fields(event)}
    traits |= {f"attribute:{name}": value for name, value in event.attributes.items()}
    return LeadBehaviour(
        lead_id=event.lead_id,
        customer_id=event.customer_id,
        unit_path=tuple(event.unit_path),
        captured_at=event.captured_at,
        changed_at=event.captured_at,
        traits=traits,
    )


def _traits_of_fields(event: LeadCaptured | LeadFieldsChanged) -> Traits:
    needs: Traits = {f"core_need:{each}": YES for each in event.core_needs}
    return {
        "industry": event.industry,
        "size": event.size,
        "region": event.region,
        "budget_status": event.budget_status,
        **needs,
    }


def _deed(event: LeadContacted) -> Deed:
    """Nobody writes down which way it went."""
    return Deed(
        action_id=str(event.contacted_at),
        type=event.type,
        happened_at=event.contacted_at,
    )


def columns(row: LeadBehaviour) -> Mapping[str, Any]:
    return {
        "status": row.status,
        "unit_id": row.unit_path[-1] if row.unit_path else None,
        "owner_id": row.owner_id,
    }


def next_due(row: LeadBehaviour) -> datetime | None:
    """At once when anything changed; then at the ends of the days, while somebody has it."""
    return row.captured_at


def _lead_id(event: Any) -> str:
    lead_id: str = event.lead_id
    return lead_id


LEAD_BEHAVIOUR: Projection[LeadBehaviour] = Projection(
    name="lead_behaviour",
    version=1,
    reads=(
        LeadCaptured,
        LeadFieldsChanged,
        LeadBehaviourNoted,
        LeadScored,
        LeadAssigned,
        LeadUnitChanged,
        LeadContacted,
        LeadReturned,
        LeadReleased,
        LeadConverted,
        LeadDisqualified,
        LeadEndingTakenBack,
        LeadWithdrawn,
    ),
    row_type=LeadBehaviour,
    key=_lead_id,
    evolve=evolve,
    columns=columns,
    next_due=next_due,
)
