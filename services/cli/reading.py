"""What commands that only read have in common: the folder or a server answers them."""

from abc import abstractmethod
from dataclasses import dataclass

from services.cli.desk import Desk, Request
from services.cli.output import Output
from services.cli.remote import RemoteServer
from services.projections.queries import boards
from services.projections.queries.asking import Asker
from shared.access import Caller, Grant, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRequest(Request):
    @abstractmethod
    async def ask(self, server: RemoteServer, output: Output) -> int:
        """The same answer from a running server. Raises DomainError, ServerAway."""


async def asker_of(desk: Desk) -> Asker:
    """Whoever can open the folder sees everything of the tenant. Raises NotFound."""
    return await boards.asker_of(desk.ports, desk.tenant_id, None, desk.ports.clock())


async def caller_of(desk: Desk) -> Caller:
    """The same as a caller, where one is asked for: a director of the whole tenant."""
    organisation = await desk.ports.organisations.of(desk.tenant_id)
    grant = Grant(Role.DIRECTOR, organisation.root_id or "")
    return Caller(tenant_id=desk.tenant_id, person_id=None, key_id=None, grants=(grant,))
