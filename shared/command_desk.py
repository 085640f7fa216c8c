"""What routes that take commands share: context, ids of ours, handling, first answers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fastapi import Request

from shared.access import Caller
from shared.command_handling import CommandContext, CommandHandling, Handled
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import DomainError
from shared.http import answering
from shared.http_commands import Times, command_context, command_digest
from shared.organisation import Organisation
from shared.ports import Ports

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


class CommandDesk:
    """One per service and process: its command handling caches the streams of the service."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self.ports = ports
        self.commands = commands

    async def context(self, request: Request, caller: Caller) -> CommandContext:
        """As if it happened now. Raises Malformed for a bad `If-Match` or `Idempotency-Key`."""
        digest = command_digest(request.url.path, await request.body())
        return command_context(request, caller, digest, Times(self.ports.clock()))

    def given_id(self, context: CommandContext, kind: str) -> str:
        """An id of ours; the same one when the same command comes again."""
        if context.idempotency_key is None:
            return str(self.ports.new_id())
        return context.given_id(kind)

    async def organisation(self, caller: Caller) -> Organisation:
        return await self.ports.organisations.of(caller.tenant_id)

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

    async def answered(
        self,
        context: CommandContext,
        stream: tuple[Decider[Any, Any, Any], str] | None,
        telling: Awaitable[Handled[Any]],
    ) -> Handled[Any]:
        """What was accepted once is answered again, also where it would be refused by now.

        `stream`: the decider and id of the aggregate, where the caller named it.
        """
        try:
            return await telling
        except DomainError:
            name = stream and stream_name(context.tenant_id, stream[0].name, stream[1])
            first = await self.commands.first_answer(context, name)
            if first is None:
                raise
            return first
