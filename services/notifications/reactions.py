"""What follows from events: a signal is escalated, and told to have gone when it has gone."""

from collections.abc import Sequence
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
from shared.command_handling import CommandHandling, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.event_store import EventStore
from shared.events.notifications import EscalationResolved
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
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
        escalated = await self._escalated(events)
        for recorded in events:
            match recorded.event:
                case SignalRaised() as raised if not raised.historical:
                    await self._open(raised, recorded)
                    escalated.add(_escalation_stream(recorded))
                case SignalResolved() if _escalation_stream(recorded) in escalated:
                    await self._resolve(SIGNAL_RESOLVED, recorded)
                case SignalRetracted() if _escalation_stream(recorded) in escalated:
                    await self._resolve(RETRACTED, recorded)
                case _:
                    continue

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

    async def _open(self, raised: SignalRaised, recorded: RecordedEvent) -> None:
        policies = await self._choices.policies(recorded.tenant_id)
        policy = policies.in_force_for(raised.rule)
        if policy is None:
            return
        command = OpenEscalation(
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
        context = caused_by(recorded, "notifications.escalating")
        await self._commands.handle(ESCALATION, command.escalation_id, command, context)

    async def _resolve(self, reason: str, recorded: RecordedEvent) -> None:
        signal_id = recorded.event.signal_id
        command = ResolveEscalation(
            escalation_id=signal_id, by=None, reason=reason, now=recorded.stored.recorded_at
        )
        context = caused_by(recorded, "notifications.escalating")
        await self._commands.handle(ESCALATION, signal_id, command, context)


def _escalation_stream(recorded: RecordedEvent) -> str:
    return stream_name(recorded.tenant_id, ESCALATION.name, recorded.event.signal_id)


class SayingItIsResolved:
    """What resolved itself says so, in the inbox of everybody who was told of it (N3)."""

    def __init__(self, commands: CommandHandling, matters: Matters) -> None:
        self._commands = commands
        self._matters = matters

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            resolved: EscalationResolved = recorded.event
            if resolved.by is None:
                await self._tell(resolved, recorded)

    async def _tell(self, resolved: EscalationResolved, recorded: RecordedEvent) -> None:
        stream = recorded.stored.stream
        _version, escalation = await self._commands.load(ESCALATION, stream, fresh=True)
        if not isinstance(escalation, Resolved):
            return
        tenant_id = recorded.tenant_id
        for number, person_id in enumerate(escalation.course.told):
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
            )
            context = caused_by(recorded, "notifications.saying-it-is-resolved", number)
            await self._commands.handle(MESSAGE, message_id, command, context)


def reactions(
    store: EventStore, commands: CommandHandling, choices: TenantChoices, matters: Matters
) -> tuple[Reaction, ...]:
    return (
        Reaction(
            name="notifications.escalating",
            log="projections",
            react=Escalating(store, commands, choices).react,
            reads=(SignalRaised, SignalResolved, SignalRetracted),
        ),
        Reaction(
            name="notifications.saying-it-is-resolved",
            log="notifications",
            react=SayingItIsResolved(commands, matters).react,
            reads=(EscalationResolved,),
        ),
    )
