"""What can be asked of a visit (O4). A visit is an action: `action_id` names it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.opportunities import ActionField, ActionTypeDefinition, FieldValue, NextAction
from shared.events.visits import Place, Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVisit:
    """The door code was scanned. `definition`: of the action type visit; `asked` by the customer's
    type; `door_customer_id`: whose door it is; `place`: where that is, as far as it is known."""

    opportunity_id: str
    action_id: str
    definition: ActionTypeDefinition
    asked: tuple[ActionField, ...]
    door_id: str
    code_id: str
    door_customer_id: str
    place: Place | None
    position: Place | None
    next_action_within_seconds: int
    contact_id: str | None = None
    actor_id: str | None = None
    actor_unit_id: str | None = None
    actor_unit_path: tuple[str, ...] = ()
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FillVisit:
    opportunity_id: str
    action_id: str
    fields: Mapping[str, FieldValue]
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BookVisitNextAction:
    opportunity_id: str
    action_id: str
    next_action: NextAction
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SummariseVisit:
    """`definition`: of the action type visit, whose minimum content the summary has to meet."""

    opportunity_id: str
    action_id: str
    definition: ActionTypeDefinition
    summary: str
    customer_tags: tuple[str, ...] = ()
    promises: tuple[Promise, ...] = ()
    open_points: tuple[str, ...] = ()
    pain_point: bool | None = None
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOnVisit:
    opportunity_id: str
    action_id: str
    passed_on_by: str | None
    to: tuple[str, ...] = field(default_factory=tuple)
    now: datetime


VisitCommand = StartVisit | FillVisit | BookVisitNextAction | SummariseVisit | PassOnVisit
