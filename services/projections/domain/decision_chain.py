"""DECISION_CHAINS: which roles of a customer's decision chain are named, since when (L2, P14)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from shared.envelope import RecordedEvent
from shared.events.leads import CustomerDescribed, CustomerRegistered
from shared.projection import Projection


class ChainChange(NamedTuple):
    at: datetime
    roles: tuple[str, ...]
    event_id: str


@dataclass(slots=True, kw_only=True)
class DecisionChain:
    changes: list[ChainChange] = field(default_factory=list)


def evolve(row: DecisionChain | None, recorded: RecordedEvent) -> DecisionChain | None:
    """Of customers with nobody named, nearly all of an import, no row is kept."""
    event: CustomerRegistered | CustomerDescribed = recorded.event
    roles = tuple(event.decision_chain)
    if row is None and not roles:
        return None
    chain = DecisionChain() if row is None else row
    chain.changes.append(ChainChange(recorded.occurred_at, roles, str(recorded.event_id)))
    return chain


def _customer_id(event: CustomerRegistered | CustomerDescribed) -> str:
    return event.customer_id


DECISION_CHAINS: Projection[DecisionChain] = Projection(
    name="decision_chains",
    version=1,
    reads=(CustomerRegistered, CustomerDescribed),
    row_type=DecisionChain,
    key=_customer_id,
    evolve=evolve,
)
