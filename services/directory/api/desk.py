"""What every route of the directory needs: the caller's reach, contexts, handling of commands."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple

from fastapi import Request, Response
from pydantic import ValidationError

from shared.access import Caller, Resource, Role, Verb, may, visible_rows
from shared.command_handling import CommandContext, Handled
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import FieldProblem, Forbidden, Malformed, NotYetKnown
from shared.http import (
    Access,
    Body,
    Id,
    Times,
    answering,
    command_context,
    command_digest,
    command_response,
    field_problems,
    happened_at,
)
from shared.organisation import Organisation
from shared.ports import Ports
from shared.service import BatchCommand

LOG_NAME = "directory"

_SEES_BEYOND_ITS_UNIT = frozenset({Role.AUDITOR, Role.MARKETING})

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")
B = TypeVar("B", bound=Body)
Said = TypeVarTuple("Said")


class _Named(Body):
    """The id that a route has in its path and a line among its fields."""

    id: Id


class Desk:
    """One per process: its command handling caches the streams of the directory."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.access = Access(ports)
        self.commands = ports.commands(LOG_NAME)

    async def context(self, request: Request, caller: Caller) -> CommandContext:
        digest = command_digest(request.url.path, await request.body())
        return command_context(request, caller, digest, Times(self.ports.clock()))

    async def told(
        self,
        request: Request,
        tell: Callable[[Caller, *Said, CommandContext], Awaitable[Handled[Any]]],
        caller: Caller,
        *said: *Said,
        created: bool = False,
    ) -> Response:
        """The answer to a command; `said`: what the route has in its path and its body."""
        context = await self.context(request, caller)
        handled = await tell(caller, *said, context)
        return await command_response(self.ports, handled, created)

    def past(self, said: datetime | None, field: str = "occurred_at") -> datetime:
        return happened_at(said, self.ports.clock(), field)

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

    async def version(
        self, decider: Decider[Any, Any, Any], tenant_id: str, aggregate_id: str
    ) -> int:
        """What `If-Match` has to name."""
        stream = stream_name(tenant_id, decider.name, aggregate_id)
        version, _state = await self.commands.load(decider, stream)
        return version

    def batch_line(
        self,
        resource: Resource,
        body: type[B],
        tell: Callable[[Caller, B, CommandContext], Awaitable[Handled[Any]]],
    ) -> BatchCommand:
        """A line of POST /commands that carries everything in its fields."""

        async def told(
            caller: Caller, fields: Mapping[str, Any], context: CommandContext
        ) -> Handled[Any]:
            _permit(caller, resource)
            return await tell(caller, parsed(body, fields), context)

        return told

    def batch_line_about(
        self,
        resource: Resource,
        id_field: str,
        body: type[B],
        tell: Callable[[Caller, str, B, CommandContext], Awaitable[Handled[Any]]],
    ) -> BatchCommand:
        """A line of POST /commands that names what a route has in its path."""

        async def told(
            caller: Caller, fields: Mapping[str, Any], context: CommandContext
        ) -> Handled[Any]:
            _permit(caller, resource)
            others = {name: value for name, value in fields.items() if name != id_field}
            named = parsed(_Named, {"id": fields.get(id_field)}, renamed={"id": id_field})
            return await tell(caller, named.id, parsed(body, others), context)

        return told


def parsed(body: type[B], fields: Mapping[str, Any], renamed: Mapping[str, str] | None = None) -> B:
    """Raises Malformed naming every field at fault."""
    try:
        return body.model_validate(fields)
    except ValidationError as flaw:
        names = renamed or {}
        problems = [
            FieldProblem(names.get(each.field, each.field), each.code, each.message)
            for each in field_problems(flaw.errors())
        ]
        raise Malformed("the command does not fit", errors=problems) from flaw


def _permit(caller: Caller, resource: Resource) -> None:
    if not may(caller, resource, Verb.WRITE):
        raise Forbidden(f"your role may not write {resource}")


def require_unit(
    caller: Caller, organisation: Organisation, resource: Resource, unit_id: str
) -> None:
    """The unit is known and below the caller's grant (A9). Raises NotYetKnown, Forbidden."""
    if not organisation.knows_unit(unit_id):
        raise NotYetKnown(f"unit {unit_id}")
    reach = visible_rows(caller, organisation, resource, Verb.WRITE)
    if not reach.includes(unit_id=unit_id):
        raise Forbidden(f"unit {unit_id} is not below yours")


def require_person(
    caller: Caller, organisation: Organisation, resource: Resource, person_id: str
) -> None:
    """A person in a body or path, where known, belongs to a unit below the caller's grant."""
    unit_id = organisation.unit_of(person_id)
    if unit_id is not None:
        require_unit(caller, organisation, resource, unit_id)


def require_whole_tenant(caller: Caller, organisation: Organisation, resource: Resource) -> None:
    """What holds for the tenant is changed by who was granted its root (A9). Raises Forbidden."""
    if not visible_rows(caller, organisation, resource, Verb.WRITE).everything:
        raise Forbidden("this holds for the whole tenant")


def require_grantable(
    caller: Caller, organisation: Organisation, resource: Resource, role: Role
) -> None:
    """Nobody gives away more than their own reach (A9): only an operator makes operators, and who
    was granted a part of the tree no role that sees beyond any part. Raises Forbidden."""
    if role is Role.OPERATOR and Role.OPERATOR not in caller.roles:
        raise Forbidden("only an operator makes operators")
    if role in _SEES_BEYOND_ITS_UNIT:
        require_whole_tenant(caller, organisation, resource)
