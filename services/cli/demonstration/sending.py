"""The commands of the demonstration on their ordinary way: decided, appended, many in a commit."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from services.cli.demonstration.planned import DEMO_TENANT, Command, Planned, To
from services.cli.demonstration.proofs import Proof
from services.directory.domain.person import PERSON
from services.directory.domain.tenant import TENANT
from services.directory.domain.unit_tree import UNIT_TREE
from services.leads.domain.customer import CUSTOMER, RegisterCustomer
from services.leads.domain.customer_merges import CUSTOMER_MERGES
from services.leads.domain.customer_message import CUSTOMER_MESSAGE, ReceiveMessage
from services.leads.domain.lead import LEAD
from services.leads.domain.presence import PRESENCE
from services.leads.domain.ticket import TICKET, CloseTicket, OpenTicket
from services.leads.marking import Marking
from services.notifications.domain.policy import POLICIES
from services.opportunities.domain.action_type import ACTION_TYPES
from services.opportunities.domain.customer_type import CUSTOMER_TYPES
from services.opportunities.domain.door import DOOR
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import AttachEvidence, LogAction
from services.opportunities.domain.pipeline import PIPELINE
from services.opportunities.evidence.sealing import LOG_NAME
from services.opportunities.evidence.uploading import EvidenceUploading, Upload
from services.projections.domain.goals import GOALS
from shared.command_handling import CommandContext, Run, Step
from shared.decider import Decider
from shared.envelope import Origin
from shared.events.opportunities import Evidence
from shared.ports import Ports


class Receiver(NamedTuple):
    log: str
    decider: Decider[Any, Any, Any]


RECEIVERS = {
    To.TENANT: Receiver("directory", TENANT),
    To.ACTION_TYPES: Receiver("opportunities", ACTION_TYPES),
    To.PIPELINE: Receiver("opportunities", PIPELINE),
    To.UNIT_TREE: Receiver("directory", UNIT_TREE),
    To.PERSON: Receiver("directory", PERSON),
    To.CUSTOMER: Receiver("leads", CUSTOMER),
    To.CUSTOMER_MERGES: Receiver("leads", CUSTOMER_MERGES),
    To.PRESENCE: Receiver("leads", PRESENCE),
    To.POLICIES: Receiver("notifications", POLICIES),
    To.CUSTOMER_TYPES: Receiver("opportunities", CUSTOMER_TYPES),
    To.DOOR: Receiver("opportunities", DOOR),
    To.GOALS: Receiver("projections", GOALS),
    To.OPPORTUNITY: Receiver("opportunities", OPPORTUNITY),
    To.LEAD: Receiver("leads", LEAD),
    To.MESSAGE: Receiver("leads", CUSTOMER_MESSAGE),
    To.TICKET: Receiver("leads", TICKET),
}
"""In the order in which commands of the same moment are sent: who is named is there first."""


class Surprise(NamedTuple):
    """A command that was refused, or accepted, against the script."""

    name: str
    expected: str | None
    found: str | None


class Sending:
    def __init__(self, ports: Ports, seed: int, proofs: Mapping[str, Proof]) -> None:
        logs = {receiver.log for receiver in RECEIVERS.values()}
        self._commands = {log: ports.commands(log) for log in sorted(logs)}
        self._uploading = EvidenceUploading(ports, self._commands[LOG_NAME])
        self._marking = Marking(ports)
        self._proofs = dict(proofs)
        self._seed = seed
        self.surprises: list[Surprise] = []
        self.refused = 0

    def learn(self, proofs: Mapping[str, Proof]) -> None:
        """Contents of evidence that later commands refer to."""
        self._proofs |= proofs

    async def send(self, planned: Sequence[Planned], now: datetime) -> None:
        """All that is sent up to this moment; commands to one receiver are one commit. What they
        refer to is uploaded first."""
        await self._upload(planned, now)
        for to, receiver in RECEIVERS.items():
            of_receiver = [each for each in planned if each.to == to]
            if of_receiver:
                await self._send(receiver, of_receiver, now)

    async def _upload(self, planned: Iterable[Planned], now: datetime) -> None:
        """Side by side, as telephones do it."""
        wanted = {piece.sha256: each for each in planned for piece in _evidence(each.command)}
        await asyncio.gather(
            *(
                self._upload_proof(self._proofs[sha256], each, now)
                for sha256, each in wanted.items()
            )
        )

    async def _upload_proof(self, proof: Proof, planned: Planned, now: datetime) -> None:
        upload = Upload(
            tenant_id=DEMO_TENANT,
            person_id=planned.actor_id,
            media_type=proof.media_type,
            declared_bytes=len(proof.content),
        )
        context = replace(self._context(planned), occurred_at=now)
        await self._uploading.take_in(upload, _whole(proof.content), context)

    async def _send(self, receiver: Receiver, planned: Iterable[Planned], now: datetime) -> None:
        sent: dict[str, list[Planned]] = {}
        for each in planned:
            sent.setdefault(each.aggregate_id, []).append(each)
        runs = [
            Run(aggregate_id, [await self._step(each, now) for each in these])
            for aggregate_id, these in sent.items()
        ]
        refusals = await self._commands[receiver.log].handle_runs(receiver.decider, runs)
        for these, refused in zip(sent.values(), refusals, strict=True):
            for each, refusal in zip(these, refused, strict=True):
                self._compare(each, None if refusal is None else refusal.code)

    def _compare(self, planned: Planned, found: str | None) -> None:
        if found is not None:
            self.refused += 1
        if found != planned.refused_with:
            self.surprises.append(Surprise(planned.name, planned.refused_with, found))

    async def _step(self, planned: Planned, now: datetime) -> Step:
        event_id = planned.event_id(self._seed)
        command = await self._told(planned.command, now)
        return Step(command, self._context(planned), event_id)

    async def _told(self, command: Command, now: datetime) -> Command:
        """As the interface would tell it: at this moment, customers with what they are recognised
        by."""
        match command:
            case ReceiveMessage() | OpenTicket() | CloseTicket():
                return command
            case RegisterCustomer(description=described):
                marks = await self._marking.marks(DEMO_TENANT, described)
                return replace(command, description=replace(described, marks=marks), now=now)
            case _:
                return replace(command, now=now)

    def _context(self, planned: Planned) -> CommandContext:
        return CommandContext(
            tenant_id=DEMO_TENANT,
            actor_id=planned.actor_id,
            occurred_at=planned.occurred_at,
            correlation_id=str(planned.event_id(self._seed)),
            caller="demonstration",
            origin=Origin.DEMO,
        )


def _evidence(command: Command) -> tuple[Evidence, ...]:
    match command:
        case LogAction():
            return command.draft.evidence
        case AttachEvidence():
            return command.evidence
        case _:
            return ()


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
