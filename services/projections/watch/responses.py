"""Units that answer slowly and channels that lose messages are told as signals (L10)."""

from collections.abc import Sequence

from services.projections.domain.response_signals import channel_signals, unit_signals
from services.projections.watch.sending import send
from shared.command_handling import CommandHandling
from shared.envelope import RecordedEvent
from shared.events.leads import FirstResponseRecovered, FirstResponseSlowed
from shared.events.notifications import EscalationOpened, EscalationResolved
from shared.ports import Ports
from shared.subscription import Reaction


def reactions(ports: Ports, commands: CommandHandling) -> tuple[Reaction, ...]:
    async def tell_of_units(events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            await send(ports, commands, recorded.tenant_id, unit_signals(recorded))

    async def tell_of_channels(events: Sequence[RecordedEvent]) -> None:
        streams = await ports.event_store.read_streams({each.stored.stream for each in events})
        for recorded in events:
            opened = ports.codec.decode(streams[recorded.stored.stream][0]).event
            if isinstance(opened, EscalationOpened):
                wanted = channel_signals(recorded, opened)
                await send(ports, commands, recorded.tenant_id, wanted)

    return (
        Reaction(
            name="projections.response_signals",
            log="leads",
            reads=(FirstResponseSlowed, FirstResponseRecovered),
            react=tell_of_units,
        ),
        Reaction(
            name="projections.channel_signals",
            log="notifications",
            reads=(EscalationOpened, EscalationResolved),
            react=tell_of_channels,
        ),
    )
