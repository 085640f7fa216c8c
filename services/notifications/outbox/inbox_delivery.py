"""Messages for inboxes: delivered by being events, hence many with one commit (N1, N5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.notifications.channels.inbox import IN_THE_INBOX
from services.notifications.domain.attempt_plan import next_look
from services.notifications.domain.escalation import ESCALATION, Acknowledged, Resolved
from services.notifications.domain.message import (
    MESSAGE,
    AttemptIsUnderWay,
    MessageIsClosed,
    Waiting,
)
from services.notifications.domain.message_commands import (
    CloseMessage,
    EndAttempt,
    Ending,
    MessageCommand,
    StartAttempt,
)
from services.notifications.domain.message_list import INBOX
from services.notifications.queries.read_models import MESSAGES, Due, by_the_clock, rearm
from shared.clock import to_milliseconds
from shared.command_handling import CommandHandling, Run, Step
from shared.envelope import stream_name
from shared.ports import Ports
from shared.stored_states import stored_states
from shared.tracing import batch_span, contexts_of_streams


class InboxDelivery:
    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def deliver(self, tenant_id: str, waiting: Mapping[Due, Waiting], now: datetime) -> None:
        """All intents with one commit, all ends with another, as for any channel (N5)."""
        begun_at = max(now, self._ports.clock())
        streams = (stream_name(tenant_id, MESSAGE.name, due[1]) for due in waiting)
        traces = await contexts_of_streams(self._ports.event_store, streams)
        about: dict[str, str | int] = {
            "tenant": tenant_id,
            "channel": INBOX,
            "messages": len(waiting),
        }
        with batch_span("deliver", traces.values(), about):
            await self._deliver(tenant_id, waiting, begun_at, traces)

    async def _deliver(
        self,
        tenant_id: str,
        waiting: Mapping[Due, Waiting],
        begun_at: datetime,
        traces: Mapping[str, str],
    ) -> None:
        settled = await nobody_waits_for(self._ports, tenant_id, list(waiting.values()))
        first = await self._taken(
            tenant_id,
            {due: _beginning(message, settled, begun_at) for due, message in waiting.items()},
            traces,
        )
        ended_at = max(begun_at, to_milliseconds(self._ports.clock()))
        await self._taken(
            tenant_id,
            {
                due: EndAttempt(
                    message_id=due[1],
                    attempt=len(waiting[due].attempts) + 1,
                    outcome=IN_THE_INBOX.outcome,
                    detail=IN_THE_INBOX.detail,
                    now=ended_at,
                )
                for due in first
                if due[1] not in settled
            },
            traces,
        )
        zone = (await self._ports.organisations.of(tenant_id)).zone(ended_at)
        next_looks: dict[Due, datetime | None] = {}
        for due in first:
            stream = stream_name(tenant_id, MESSAGE.name, due[1])
            _version, message = await self._commands.load(MESSAGE, stream)
            next_looks[due] = next_look(message, ended_at, zone)
        await rearm(self._ports.read_store, MESSAGES, next_looks)

    async def _taken(
        self, tenant_id: str, commands: Mapping[Due, MessageCommand], traces: Mapping[str, str]
    ) -> list[Due]:
        """Without those that somebody else began or ended meanwhile."""
        if not commands:
            return []
        refusals = await self._commands.handle_runs(
            MESSAGE,
            [
                Run(message_id, [Step(command, context, self._ports.new_id())])
                for command in commands.values()
                for message_id in [command.message_id]
                for trace in [traces.get(stream_name(tenant_id, MESSAGE.name, message_id))]
                for context in [by_the_clock(tenant_id, command.now, message_id, trace)]
            ],
        )
        taken: list[Due] = []
        for due, [refusal] in zip(commands, refusals, strict=True):
            match refusal:
                case None:
                    taken.append(due)
                case AttemptIsUnderWay() | MessageIsClosed():
                    continue
                case _:
                    raise refusal
        return taken


def _beginning(message: Waiting, settled: set[str], now: datetime) -> MessageCommand:
    message_id = message.queued.message_id
    if message_id in settled:
        return CloseMessage(
            message_id=message_id, ending=Ending.EXPIRED, reason="nobody-waits-for-it", now=now
        )
    return StartAttempt(message_id=message_id, channel=INBOX, now=now)


async def nobody_waits_for(ports: Ports, tenant_id: str, waiting: Sequence[Waiting]) -> set[str]:
    """The messages that were not tried yet and tell only of what was acknowledged or resolved
    before they could leave."""
    telling = {
        message.queued.message_id: [
            stream_name(tenant_id, ESCALATION.name, each) for each in message.queued.escalation_ids
        ]
        for message in waiting
        if message.queued.escalation_ids and not message.attempts
    }
    streams = {stream for told in telling.values() for stream in told}
    found = await stored_states(ports, ESCALATION, streams)
    settled = {
        stream
        for stream, (_version, state) in found.items()
        if isinstance(state, Acknowledged | Resolved)
    }
    return {message_id for message_id, told in telling.items() if settled.issuperset(told)}
