"""What follows from the directory's events: changed settings or days make the watch look again."""

from collections.abc import Sequence

from services.projections.queries.read_models import PROCESSES
from shared.envelope import RecordedEvent
from shared.events.directory import CalendarDaysSet, SettingsChanged
from shared.ports import Ports
from shared.projecting import AT_ONCE
from shared.subscription import Reaction


def reactions(ports: Ports) -> tuple[Reaction, ...]:
    async def arm_all(events: Sequence[RecordedEvent]) -> None:
        """A limit may have become shorter, a holiday a working day: every deadline of the tenant is
        worked out anew. Armed twice, nothing happens twice."""
        tenants = {each.tenant_id for each in events}
        timers = PROCESSES.deadlines
        async with ports.read_store.transaction() as connection:
            await connection.execute(
                timers.update().where(timers.c.tenant_id.in_(tenants)).values(due_at=AT_ONCE)
            )

    return (
        Reaction(
            name="projections.rearming",
            log="directory",
            reads=(SettingsChanged, CalendarDaysSet),
            react=arm_all,
        ),
    )
