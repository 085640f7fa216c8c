"""What every route of notifications needs: contexts, handling, what the caller may see."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi import Request

from services.notifications.domain.escalation import (
    ESCALATION,
    Escalation,
)
from services.notifications.domain.escalation_commands import (
    EscalationCommand,
)
from services.notifications.domain.escalation_list import row_of
from services.notifications.queries.escalations import as_document, may_see
from services.notifications.queries.tenant_choices import TenantChoices
from shared.access import Caller, Verb
from shared.command_handling import CommandContext, CommandHandling, Handled
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.http import Access, Times, answering, command_context, command_digest
from shared.organisation import Organisation
from shared.ports import Ports

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


class Desk:
    """One per process, with the command handling that the runners use too."""

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        self.ports = ports
        self.access = Access(ports)
        self.commands = commands
        self.choices = choices

    async def organisation(self, caller: Caller) -> Organisation:
        return await self.ports.organisations.of(caller.tenant_id)

    async def context(self, request: Request, caller: Caller) -> CommandContext:
        digest = command_digest(request.url.path, await request.body())
        return command_context(request, caller, digest, Times(self.ports.clock()))

    async def handle(
        self,
        decider: Decider[C, S, E],
        aggregate_id: str,
        command: C,
        context: CommandContext,
        render: Callable[[S], Mapping[str, Any]],
    ) -> Handled[S]:
        """The answer shows the new state; it is stored, so it must hold no personal data."""
        return await self.commands.handle(
            decider, aggregate_id, command, context, answering(render)
        )

    async def handle_escalation(
        self, caller: Caller, command: EscalationCommand, context: CommandContext
    ) -> Handled[Escalation]:
        """Raises NotFound for an escalation that the caller may not act on."""
        await self.require_visible(caller, command.escalation_id)
        return await self.handle(
            ESCALATION, command.escalation_id, command, context, escalation_document
        )

    async def require_visible(self, caller: Caller, escalation_id: str) -> None:
        stream = stream_name(caller.tenant_id, ESCALATION.name, escalation_id)
        row = row_of((await self.commands.load(ESCALATION, stream))[1])
        organisation = await self.organisation(caller)
        if row is None or not may_see(row, caller, organisation, Verb.WRITE):
            raise NotFound(escalation_id)

    def given_id(self, context: CommandContext, kind: str) -> str:
        """An id of ours; the same one when the same command comes again."""
        if context.idempotency_key is None:
            return str(self.ports.new_id())
        return context.given_id(kind)


def escalation_document(escalation: Escalation) -> Mapping[str, Any]:
    row = row_of(escalation)
    return {} if row is None else as_document(row)
