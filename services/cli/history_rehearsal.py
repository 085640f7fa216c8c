"""Where an import's commands go: to the logs, or in a dry run nowhere, decided all the same."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple, Protocol

from shared.command_handling import CommandContext, CommandHandling, Handled, Run
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import DomainError
from shared.organisation import Organisation, changed
from shared.ports import Ports

AnyDecider = Decider[Any, Any, Any]


class Commands(Protocol):
    """What an import asks of command handling."""

    async def handle(
        self, decider: AnyDecider, aggregate_id: str, command: Any, context: CommandContext, /
    ) -> Handled[Any]: ...

    async def handle_runs(
        self, decider: AnyDecider, runs: Sequence[Run], /
    ) -> list[list[DomainError | None]]: ...

    async def load(self, decider: AnyDecider, stream: str, /) -> tuple[int, Any]: ...


class Destination(NamedTuple):
    """The services that an import commands; `organisation`: the tenant's, with all it was told."""

    directory: Commands
    leads: Commands
    opportunities: Commands
    organisation: Callable[[], Awaitable[Organisation]]


class Rehearsal:
    """Decides on what is stored and on what it was told before; stores nothing.

    `heard` is given every event that would have been appended.
    """

    def __init__(
        self, commands: CommandHandling, heard: Callable[[Any], object] | None = None
    ) -> None:
        self._commands = commands
        self._heard = heard
        self._states: dict[str, tuple[int, Any]] = {}

    async def handle(
        self, decider: AnyDecider, aggregate_id: str, command: Any, context: CommandContext, /
    ) -> Handled[Any]:
        """Raises what the decider raises."""
        stream = stream_name(context.tenant_id, decider.name, aggregate_id)
        version, state = await self.load(decider, stream)
        events = decider.decide(command, state)
        version, state = version + len(events), decider.fold(events, state)
        self._states[stream] = (version, state)
        if self._heard is not None:
            for event in events:
                self._heard(event)
        return Handled(
            state=state, version=version, position=None, event_ids=(), duplicate=False, answer=b""
        )

    async def handle_runs(
        self, decider: AnyDecider, runs: Sequence[Run], /
    ) -> list[list[DomainError | None]]:
        """Per run and step what refused it."""
        return [
            [
                await self._refusal(decider, run.aggregate_id, step.command, step.context)
                for step in run.steps
            ]
            for run in runs
        ]

    async def _refusal(
        self, decider: AnyDecider, aggregate_id: str, command: Any, context: CommandContext
    ) -> DomainError | None:
        try:
            await self.handle(decider, aggregate_id, command, context)
        except DomainError as refusal:
            return refusal
        return None

    async def load(self, decider: AnyDecider, stream: str, /) -> tuple[int, Any]:
        known = self._states.get(stream)
        return await self._commands.load(decider, stream, fresh=True) if known is None else known


def to_the_logs(ports: Ports, tenant_id: str) -> Destination:
    return Destination(
        directory=ports.commands("directory"),
        leads=ports.commands("leads"),
        opportunities=ports.commands("opportunities"),
        organisation=lambda: ports.organisations.of(tenant_id),
    )


async def to_nowhere(ports: Ports, tenant_id: str) -> Destination:
    """A copy of the organisation takes in what the directory would have been told."""
    organisation = deepcopy(await ports.organisations.of(tenant_id))

    async def as_told() -> Organisation:
        return organisation

    return Destination(
        directory=Rehearsal(
            ports.commands("directory"), lambda event: changed(organisation, event)
        ),
        leads=Rehearsal(ports.commands("leads")),
        opportunities=Rehearsal(ports.commands("opportunities")),
        organisation=as_told,
    )
