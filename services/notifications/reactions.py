"""What follows from events: a signal is escalated, and told to have gone when it has gone."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from services.notifications.domain.default_words import RESOLVED_TITLE
from services.notifications.domain.escalation import (
    ESCALATION,
    RETRACTED,
    Resolved,
)
from services.notifications.domain.escalation_commands import (
    OpenEscalation,
    ResolveEscalation,
)
from services.notifications.domain.message import MESSAGE
from services.notifications.domain.message_commands import (
    QueueMessage,
)
from services.notifications.domain.message_list import INBOX
from services.notifications.domain.policy import with_told
from services.notifications.queries.matters import Matters
from services.notifications.queries.tenant_choices import TenantChoices
from services.notifications.runs import carried_out, recognised
from shared.command_handling import CommandHandling, Run, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.event_store import EventStore
from shared.events.notifications import EscalationResolved
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.ports import Ports
from shared.stored_states import stored_states
from shared.subscription import Reaction

SIGNAL_RESOLVED = "signal-resolved"
_NOTES_EXPIRE_AFTER = timedelta(days=7)


class Escalating:
    """One escalation per signal that is not historical; it ends with its signal (A5, N3)."""

    def __init__(
        self, store: EventStore, commands: CommandHandling, choices: TenantChoices
    ) -> None:
        self._store = store
        self._commands = commands
        self._choices = choices

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        """With one commit; a signal that begins and ends among them takes both steps in order."""
        escalated = await self._escalated(events)
        runs: dict[str, Run] = {}
        for recorded in events:
            stream = _escalation_stream(recorded)
            command = await self._command(recorded, stream in escalated)
            if command is not None:
                escalated.add(stream)
                step = recognised(command, caused_by(recorded, "notifications.escalating"))
                before = runs.get(stream, Run(command.escalation_id, ()))
                runs[stream] = Run(command.escalation_id, (*before.steps, step))
        if runs:
            await carried_out(self._commands, ESCALATION, await self._not_yet_taken(runs.values()))

    async def _not_yet_taken(self, runs: Collection[Run]) -> list[Run]:
        """Without the steps of an earlier time: what was retracted since would begin again."""
        known = await self._store.known_events([x.event_id for run in runs for x in run.steps])
        left = [
            Run(run.aggregate_id, [each for each in run.steps if each.event_id not in known])
            for run in runs
        ]
        return [run for run in left if run.steps]

    async def _escalated(self, events: Sequence[RecordedEvent]) -> set[str]:
        """Of the signals that end here those that were escalated: of a history almost none, hence
        asked for all of them at once."""
        ending = {
            _escalation_stream(recorded)
            for recorded in events
            if isinstance(recorded.event, SignalResolved | SignalRetracted)
        }
        found = await self._store.read_streams(ending) if ending else {}
        return {stream for stream, stored in found.items() if stored}

    async def _command(
        self, recorded: RecordedEvent, is_escalated: bool
    ) -> OpenEscalation | ResolveEscalation | None:
        match recorded.event:
            case SignalRaised() as raised if not raised.historical:
                return await self._opening(raised, recorded)
            case SignalResolved() if is_escalated:
                return _resolution(SIGNAL_RESOLVED, recorded)
            case SignalRetracted() if is_escalated:
                return _resolution(RETRACTED, recorded)
            case _:
                return None

    async def _opening(
        self, raised: SignalRaised, recorded: RecordedEvent
    ) -> OpenEscalation | None:
        policies = await self._choices.policies(recorded.tenant_id)
        policy = policies.in_force_for(raised.rule)
        if policy is None:
            return None
        return OpenEscalation(
            escalation_id=raised.signal_id,
            signal_id=raised.signal_id,
            rule=raised.rule,
            subject_kind=raised.subject_kind,
            subject_id=raised.subject_id,
            customer_id=raised.customer_id,
            stage=raised.stage,
            unit_id=raised.unit_id,
            unit_path=tuple(raised.unit_path),
            owner_id=raised.owner_id,
            due_at=raised.due_at,
            policy=with_told(policy, raised.told),
            digest=False,
            now=recorded.stored.recorded_at,
        )


def _resolution(reason: str, recorded: RecordedEvent) -> ResolveEscalation:
    return ResolveEscalation(
        escalation_id=recorded.event.signal_id,
        by=None,
        reason=reason,
        now=recorded.stored.recorded_at,
    )


def _escalation_stream(recorded: RecordedEvent) -> str:
    return stream_name(recorded.tenant_id, ESCALATION.name, recorded.event.signal_id)


class SayingItIsResolved:
    """What resolved itself says so, in the inbox of everybody who was told of it (N3)."""

    def __init__(self, ports: Ports, commands: CommandHandling, matters: Matters) -> None:
        self._ports = ports
        self._commands = commands
        self._matters = matters

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        ended = [each for each in events if each.event.by is None]
        streams = {each.stored.stream for each in ended}
        found = await stored_states(self._ports, ESCALATION, streams)
        runs: list[Run] = []
        for recorded in ended:
            _version, escalation = found[recorded.stored.stream]
            if isinstance(escalation, Resolved):
                runs += await self._notes(escalation, recorded)
        await carried_out(self._commands, MESSAGE, runs)

    async def _notes(self, escalation: Resolved, recorded: RecordedEvent) -> list[Run]:
        told = escalation.course.told
        return [
            await self._note(escalation, recorded, person_id, number)
            for number, person_id in enumerate(told)
        ]

    async def _note(
        self, escalation: Resolved, recorded: RecordedEvent, person_id: str, number: int
    ) -> Run:
        tenant_id = recorded.tenant_id
        resolved: EscalationResolved = recorded.event
        language = await self._matters.language_of(tenant_id, person_id)
        words = await self._matters.said(
            tenant_id, escalation.course.opened, language, resolved.resolved_at
        )
        message_id = str(derived_id(tenant_id, str(recorded.event_id), person_id))
        command = QueueMessage(
            message_id=message_id,
            person_id=person_id,
            subject=f"person/{person_id}",
            channels=(INBOX,),
            escalation_ids=(),
            language=language,
            title=RESOLVED_TITLE[language].format(title=words.title),
            body=words.line,
            urgency=0,
            not_before=resolved.resolved_at,
            expires_at=resolved.resolved_at + _NOTES_EXPIRE_AFTER,
            now=resolved.resolved_at,
            resolved_id=resolved.escalation_id,
        )
        context = caused_by(recorded, "notifications.saying-it-is-resolved", number)
        return Run(message_id, [recognised(command, context)])


def reactions(
    ports: Ports, commands: CommandHandling, choices: TenantChoices, matters: Matters
) -> tuple[Reaction, ...]:
    return (
        Reaction(
            name="notifications.escalating",
            log="projections",
            react=Escalating(ports.event_store, commands, choices).react,
            reads=(SignalRaised, SignalResolved, SignalRetracted),
        ),
        Reaction(
            name="notifications.saying-it-is-resolved",
            log="notifications",
            react=SayingItIsResolved(ports, commands, matters).react,
            reads=(EscalationResolved,),
        ),
    )
