"""How each case of an import stands, and which of its rows are stored already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.opportunities.domain.history_case import CaseState, case_of, stored_case
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_state import Opportunity
from shared.envelope import stream_name
from shared.event_type import event_type_of
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    StageChanged,
)
from shared.ports import Ports

_TELLING = frozenset(
    event_type_of(event_class).name
    for event_class in (
        OpportunityAssigned,
        OpportunityLost,
        OpportunityMigrated,
        OpportunityOpened,
        OpportunityReopened,
        OpportunityWon,
        StageChanged,
    )
)


@dataclass(slots=True)
class Case:
    """`stored`: the ids of the events that were there before this import."""

    opportunity_id: str
    state: CaseState | None = None
    stored: set[UUID] = field(default_factory=set)


class HistoryCases:
    def __init__(self, ports: Ports, tenant_id: str) -> None:
        self._ports = ports
        self._tenant_id = tenant_id
        self._cases: dict[str, Case] = {}

    def __getitem__(self, case: str) -> Case:
        return self._cases[case]

    def __contains__(self, case: str) -> bool:
        return case in self._cases

    def put_right(self, case: str, opportunity: Opportunity) -> None:
        """What its rows said did not all come about: it stands as its opportunity does."""
        self._cases[case].state = case_of(opportunity)

    async def look_up(self, opportunity_ids: Mapping[str, str]) -> None:
        """Cases that come for the first time, by the opportunity that each is."""
        streams = {
            stream_name(self._tenant_id, OPPORTUNITY.name, opportunity_id): case
            for case, opportunity_id in opportunity_ids.items()
        }
        codec = self._ports.codec
        found = await self._ports.event_store.read_streams(list(streams))
        for stream, case in streams.items():
            stored = found.get(stream, [])
            self._cases[case] = Case(
                opportunity_id=opportunity_ids[case],
                state=stored_case(codec.decode(each).event for each in stored if _tells(each.type)),
                stored={each.event_id for each in stored},
            )


def _tells(type_name: str) -> bool:
    return type_name in _TELLING
