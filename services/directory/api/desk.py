"""What every route of the directory needs: the caller's reach, contexts, handling of commands."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple

from fastapi import Request, Response

from shared.access import Caller, Resource, Role, Verb, visible_rows
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, Handled
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import Forbidden, NotYetKnown
from shared.http import (
    Access,
    Body,
    command_response,
    happened_at,
)
from shared.organisation import Organisation
from shared.ports import Ports

LOG_NAME = "directory"

_SEES_BEYOND_ITS_UNIT = frozenset({Role.AUDITOR, Role.MARKETING})

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")
B = TypeVar("B", bound=Body)
Said = TypeVarTuple("Said")


class Desk(CommandDesk):
    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, ports.commands(LOG_NAME))
        self.access = Access(ports)

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

    async def version(
        self, decider: Decider[Any, Any, Any], tenant_id: str, aggregate_id: str
    ) -> int:
        """What `If-Match` has to name."""
        stream = stream_name(tenant_id, decider.name, aggregate_id)
        version, _state = await self.commands.load(decider, stream)
        return version


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
