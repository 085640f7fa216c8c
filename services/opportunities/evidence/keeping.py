"""Evidence that an action refers to is kept, and its key bound to whose data it is (O5, U5)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

from services.opportunities.domain.evidence import PROVES_ONE_ACTION
from services.opportunities.domain.evidence_object import (
    EVIDENCE,
    Referred,
    ReferToEvidence,
    Stored,
)
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_state import LoggedAction, Unknown
from services.opportunities.evidence.sealing import LOG_NAME, evidence_stream, key_name
from shared.command_handling import CommandHandling, Run, Step, caused_by
from shared.envelope import RecordedEvent, stream_name
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    Evidence,
    EvidenceAttached,
)
from shared.events.visits import VisitFieldsFilled, VisitNextActionBooked, VisitSummarised
from shared.key_store import Binding
from shared.ports import Ports
from shared.subscription import Reaction

_KEEPING = "opportunities.keeping_evidence"
_VERSION = 1
KEEPING_SUBSCRIPTION = f"{_KEEPING}.v{_VERSION}"

VisitEvent = VisitFieldsFilled | VisitNextActionBooked | VisitSummarised
"""What may make a visit complete, so that its photos prove it from then on."""
ActionEvent = ActionLogged | ActionCorrected | ActionVoided | EvidenceAttached | VisitEvent


class _Mention(NamedTuple):
    """An event that says something of an action that referred to this content, now or before."""

    sha256: str
    recorded: RecordedEvent
    command: ReferToEvidence


class EvidenceKeeping:
    """Deciders and key store know what is so already, therefore coming again adds nothing."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        telling = [each for each in events if _may_concern_evidence(each.event)]
        if not telling:
            return
        mentions = [mention for recorded in telling for mention in await self._mentions(recorded)]
        await self._bind(telling)
        await self._refer(mentions)

    async def _mentions(self, recorded: RecordedEvent) -> list[_Mention]:
        """One for each content that the action refers to or ever referred to."""
        event: ActionEvent = recorded.event
        stream = stream_name(recorded.tenant_id, OPPORTUNITY.name, event.opportunity_id)
        _version, opportunity = await self._commands.load(OPPORTUNITY, stream, fresh=True)
        if isinstance(opportunity, Unknown):
            return []
        action = opportunity.actions[event.action_id]
        first_by = {piece.sha256: str(recorded.event_id) for piece in _evidence(event)}
        if not isinstance(event, ActionLogged):
            first_by = await self._first_mentions(stream, event.action_id)
        return [
            _Mention(sha256, recorded, _command(event, action, sha256, event_id))
            for sha256, event_id in first_by.items()
        ]

    async def _first_mentions(self, stream: str, action_id: str) -> dict[str, str]:
        """By content, the first event that referred to it for the action."""
        first_by: dict[str, str] = {}
        for stored in await self._ports.event_store.read_stream(stream):
            event = self._ports.codec.decode(stored).event
            if isinstance(event, ActionEvent) and event.action_id == action_id:
                for piece in _evidence(event):
                    first_by.setdefault(piece.sha256, str(stored.event_id))
        return first_by

    async def _bind(self, events: Iterable[RecordedEvent]) -> None:
        bindings: dict[str, list[Binding]] = {}
        for recorded in events:
            for piece in _evidence(recorded.event):
                stream = evidence_stream(recorded.tenant_id, piece.sha256)
                _version, evidence = await self._commands.load(EVIDENCE, stream)
                if isinstance(evidence, Stored | Referred):
                    name = key_name(piece.sha256, evidence.generation)
                    binding = Binding(name, recorded.event.subject)
                    bindings.setdefault(recorded.tenant_id, []).append(binding)
        for tenant_id, of_tenant in bindings.items():
            await self._ports.key_store.bind(tenant_id, of_tenant)

    async def _refer(self, mentions: Iterable[_Mention]) -> None:
        by_content: dict[tuple[str, str], list[Step]] = {}
        for sha256, recorded, command in mentions:
            context = replace(caused_by(recorded, _KEEPING), idempotency_key=None)
            steps = by_content.setdefault((recorded.tenant_id, sha256), [])
            steps.append(Step(command, context, self._ports.new_id()))
        runs = [Run(sha256, steps) for (_tenant_id, sha256), steps in by_content.items()]
        for refusals in await self._commands.handle_runs(EVIDENCE, runs):
            for refusal in filter(None, refusals):
                raise refusal


def reaction(ports: Ports, commands: CommandHandling) -> Reaction:
    return Reaction(
        name=_KEEPING,
        version=_VERSION,
        log=LOG_NAME,
        reads=get_args(ActionEvent),
        react=EvidenceKeeping(ports, commands).react,
    )


def _may_concern_evidence(event: ActionEvent) -> bool:
    """Nearly all of an import is logged without any."""
    return not isinstance(event, ActionLogged) or bool(event.evidence)


def _evidence(event: ActionEvent) -> Iterator[Evidence]:
    if isinstance(event, ActionLogged | ActionCorrected | EvidenceAttached):
        yield from event.evidence


def _command(
    event: ActionEvent, action: LoggedAction, sha256: str, event_id: str
) -> ReferToEvidence:
    kinds = {piece.kind for piece in action.evidence if piece.sha256 == sha256}
    return ReferToEvidence(
        sha256=sha256,
        opportunity_id=event.opportunity_id,
        action_id=event.action_id,
        proves=action.counts and not kinds.isdisjoint(PROVES_ONE_ACTION),
        happened_at=action.happened_at,
        event_id=event_id,
    )
