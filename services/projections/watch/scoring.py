"""What scoring concluded goes to the signals' streams (S2, S4)."""

from collections.abc import Sequence

from services.projections.domain.scoring_signals import scoring_signals
from services.projections.watch.sending import send
from shared.command_handling import CommandHandling
from shared.envelope import RecordedEvent
from shared.events.scoring import (
    AuthenticityCaseDecided,
    AuthenticityCaseOpened,
    HealthRecovered,
    HealthStayedLow,
)
from shared.ports import Ports
from shared.subscription import Reaction


def reaction(ports: Ports, commands: CommandHandling) -> Reaction:
    async def tell(events: Sequence[RecordedEvent]) -> None:
        """Raised once, ended once: the signals' streams know what they were told already."""
        by_tenant: dict[str, list[RecordedEvent]] = {}
        for recorded in events:
            by_tenant.setdefault(recorded.tenant_id, []).append(recorded)
        for tenant_id, of_tenant in by_tenant.items():
            wanted = [command for recorded in of_tenant for command in scoring_signals(recorded)]
            await send(ports, commands, tenant_id, wanted)

    return Reaction(
        name="projections.scoring_signals",
        log="scoring",
        reads=(HealthStayedLow, HealthRecovered, AuthenticityCaseOpened, AuthenticityCaseDecided),
        react=tell,
    )
