"""Signals' commands on their way to their streams."""

from collections.abc import Sequence

from services.projections.domain.signal import (
    SIGNAL,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
)
from shared.command_handling import CommandContext, CommandHandling, Run, Step
from shared.envelope import Origin
from shared.ports import Ports

WATCHER = "watch"


async def send(
    ports: Ports, commands: CommandHandling, tenant_id: str, wanted: Sequence[SignalCommand]
) -> None:
    """To the signals' streams, each signal's commands in order; repeated they add nothing."""
    by_signal: dict[str, list[Step]] = {}
    for command in wanted:
        step = Step(command, _context(tenant_id, command), ports.new_id())
        by_signal.setdefault(command.signal_id, []).append(step)
    if by_signal:
        runs = [Run(signal_id, steps) for signal_id, steps in by_signal.items()]
        for refusals in await commands.handle_runs(SIGNAL, runs):
            for refusal in filter(None, refusals):
                raise refusal


def _context(tenant_id: str, command: SignalCommand) -> CommandContext:
    match command:
        case RaiseSignal():
            occurred_at = command.raised_at
        case ResolveSignal():
            occurred_at = command.ended_at
        case RetractSignal():
            occurred_at = command.retracted_at
    return CommandContext(
        tenant_id=tenant_id,
        actor_id=None,
        occurred_at=occurred_at,
        correlation_id=command.signal_id,
        caller=WATCHER,
        origin=Origin.LIVE,
    )
