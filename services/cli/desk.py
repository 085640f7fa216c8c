"""Where a command does its work: the embedded system of this process, and whom it tells."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from services.cli.arguments import DEFAULT_TENANT
from services.cli.output import Output
from services.directory.domain.tenant import TENANT, CreateTenant
from shared.command_handling import CommandContext
from shared.data_folder import DataFolder
from shared.envelope import stream_name
from shared.hosting import Hosted
from shared.ports import Ports
from shared.reaction import Reaction
from shared.tenant_settings import default_of

__all__ = ["DEFAULT_TENANT", "Desk", "Request", "create_tenant", "furnish"]


class Workplace(Hosted, Protocol):
    """The system on a data folder, or on the servers of the scaled one (then no folder)."""

    @property
    def folder(self) -> DataFolder | None: ...

    async def settle(self) -> None: ...

    async def catch_up(self, runners: bool = True) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """`live`: subscriptions and runners move by themselves, in this process or in others.
    `actor_id`: who asks, where that is known."""

    hosting: Workplace
    output: Output
    tenant_id: str
    live: bool = False
    actor_id: str | None = None

    @property
    def ports(self) -> Ports:
        return self.hosting.ports

    async def settle(self, told: Callable[[int], None] | None = None) -> None:
        """Until every read model stands at the head and nothing that is due is left to do."""
        if self.live:
            await self.hosting.settle()
        else:
            await self.hosting.catch_up()

    async def keep_up(self) -> None:
        """Read models take what was just written, while it is at hand."""
        if not self.live:
            await self.hosting.catch_up(runners=False)

    def context(self, caller: str = "command line") -> CommandContext:
        """Of a command that somebody typed, now, for the tenant."""
        return CommandContext(
            tenant_id=self.tenant_id,
            actor_id=self.actor_id,
            occurred_at=self.ports.clock(),
            correlation_id=str(self.ports.new_id()),
            caller=caller,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(ABC):
    """What was typed, ready to be done here or in the process that serves the folder.

    Files are named by absolute paths, and every field can be written as JSON.
    """

    name: ClassVar[str]
    """Also what it is called between processes."""
    wants_tenant: ClassVar[bool] = True
    """False: also where the store cannot be trusted."""

    @abstractmethod
    async def run(self, desk: Desk) -> int:
        """The exit code. Raises DomainError for what is refused."""


async def furnish(ports: Ports) -> bool:
    """A fresh system gets its tenant `default`; True when it was fresh, or half furnished."""
    if DEFAULT_TENANT in await ports.organisations.tenants():
        organisation = await ports.organisations.of(DEFAULT_TENANT)
        if organisation.root_id is not None:
            return False
    await create_tenant(ports, DEFAULT_TENANT)
    return True


async def create_tenant(ports: Ports, tenant_id: str) -> None:
    """With what every service gives a new tenant, so that nobody has to wait for a worker; that
    one recognises it.

    Raises TenantAlreadyExists where it has another zone.
    """
    now = ports.clock()
    context = CommandContext(
        tenant_id=tenant_id,
        actor_id=None,
        occurred_at=now,
        correlation_id=str(ports.new_id()),
        caller="command line",
    )
    command = CreateTenant(tenant_id=tenant_id, zone=str(default_of("zone")), now=now)
    await ports.commands("directory").handle(TENANT, tenant_id, command, context)
    stored = await ports.event_store.read_stream(stream_name(tenant_id, TENANT.name, tenant_id))
    created = ports.codec.decode(stored[0])
    for kept in ports.progress.subscriptions.values():
        if isinstance(kept.target, Reaction) and kept.log == created.stored.log:
            await kept.target.take([created])
