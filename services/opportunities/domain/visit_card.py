"""VISIT_CARDS: which summary cards there are, by whom and passed on to whom (O4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.opportunities import ActionVoided
from shared.events.visits import VisitPassedOn, VisitStarted, VisitSummarised
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCard:
    """`summarised_at` None: the visit has no card yet. Its words stay sealed in their event."""

    opportunity_id: str
    visit_id: str
    customer_id: str
    actor_id: str | None
    visited_at: datetime
    summarised_at: datetime | None = None
    passed_on_to: tuple[str, ...] = ()


def evolve(row: VisitCard | None, recorded: RecordedEvent) -> VisitCard | None:
    match recorded.event:
        case VisitStarted() as event:
            return VisitCard(
                opportunity_id=event.opportunity_id,
                visit_id=event.action_id,
                customer_id=event.customer_id,
                actor_id=event.actor_id,
                visited_at=event.scanned_at,
            )
        case _ if row is None:
            return None
        case VisitSummarised() as event:
            return replace(row, summarised_at=event.summarised_at)
        case VisitPassedOn() as event:
            return replace(row, passed_on_to=(*row.passed_on_to, *event.passed_on_to))
        case _:
            return None


def columns(row: VisitCard) -> Mapping[str, Any]:
    """`passed_on_to` as `|a|b|`; None where nobody has got the card."""
    named = "".join(f"{each}|" for each in row.passed_on_to)
    return {
        "passed_on_to": f"|{named}" if named else None,
        "visited_at": milliseconds(row.visited_at),
    }


def _key(event: VisitStarted | VisitSummarised | VisitPassedOn | ActionVoided) -> str:
    return f"{event.opportunity_id}/{event.action_id}"


VISIT_CARDS: Projection[VisitCard] = Projection(
    name="visit_cards",
    version=1,
    reads=(VisitStarted, VisitSummarised, VisitPassedOn, ActionVoided),
    row_type=VisitCard,
    key=_key,
    evolve=evolve,
    columns=columns,
)
