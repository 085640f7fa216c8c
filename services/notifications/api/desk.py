"""What every route of notifications needs: contexts, handling, what the caller may see."""

from collections.abc import Mapping
from typing import Any

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
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, CommandHandling, Handled
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.http import Access
from shared.ports import Ports


class Desk(CommandDesk):
    """With the command handling that the runners use too."""

    def __init__(self, ports: Ports, commands: CommandHandling, choices: TenantChoices) -> None:
        super().__init__(ports, commands)
        self.access = Access(ports)
        self.choices = choices

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


def escalation_document(escalation: Escalation) -> Mapping[str, Any]:
    row = row_of(escalation)
    return {} if row is None else as_document(row)
