"""What leads' own events conclude is told as signals: who waits, was late, sleeps, is appealed."""

from collections.abc import Sequence
from typing import Any

from services.projections.domain.lead_signals import lead_signals
from services.projections.watch.sending import send
from shared.command_handling import CommandHandling
from shared.envelope import Origin, RecordedEvent
from shared.events.leads import (
    LeadAppealDecided,
    LeadAppealed,
    LeadAssigned,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadFellAsleep,
    LeadFoundNobody,
    LeadQualified,
    LeadReturned,
    LeadWithdrawn,
)
from shared.ports import Ports
from shared.subscription import Reaction

_READS: tuple[type[Any], ...] = (
    LeadFoundNobody,
    LeadAssigned,
    LeadReturned,
    LeadDisqualified,
    LeadWithdrawn,
    LeadConverted,
    LeadFellAsleep,
    LeadContacted,
    LeadQualified,
    LeadAppealed,
    LeadAppealDecided,
)


def reaction(ports: Ports, commands: CommandHandling) -> Reaction:
    async def tell(events: Sequence[RecordedEvent]) -> None:
        """Raised once, ended once: the signals' streams know what they were told already."""
        by_tenant: dict[str, list[RecordedEvent]] = {}
        for recorded in events:
            by_tenant.setdefault(recorded.tenant_id, []).append(recorded)
        for tenant_id, of_tenant in by_tenant.items():
            wanted = [
                command
                for recorded in of_tenant
                for command in lead_signals(
                    recorded, historical=recorded.stored.origin == Origin.IMPORT
                )
            ]
            await send(ports, commands, tenant_id, wanted)

    return Reaction(name="projections.lead_signals", log="leads", reads=_READS, react=tell)
