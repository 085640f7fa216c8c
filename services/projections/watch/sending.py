"""Signals' commands on their way to their streams."""

from collections.abc import Sequence
from datetime import datetime

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
from shared.telemetry import LATENESS_SECONDS
from shared.tracing import contexts_of_events

WATCHER = "watch"


async def send(
    ports: Ports, commands: CommandHandling, tenant_id: str, wanted: Sequence[SignalCommand]
) -> None:
    """To the signals' streams, each signal's commands in order; repeated they add nothing."""
    by_signal: dict[str, list[Step]] = {}
    causes = [cause for command in wanted if (cause := _cause(command)) is not None]
    traces = await contexts_of_events(ports.event_store, causes)
    for command in wanted:
        context = _context(tenant_id, command, traces.get(_cause(command) or ""))
        step = Step(command, context, ports.new_id())
        by_signal.setdefault(command.signal_id, []).append(step)
    if by_signal:
        runs = [Run(signal_id, steps) for signal_id, steps in by_signal.items()]
        for refusals in await commands.handle_runs(SIGNAL, runs):
            for refusal in filter(None, refusals):
                raise refusal
    _note_lateness(wanted, ports.clock())


def _note_lateness(wanted: Sequence[SignalCommand], now: datetime) -> None:
    for command in wanted:
        if isinstance(command, RaiseSignal) and not command.historical:
            LATENESS_SECONDS.record((now - command.due_at).total_seconds(), command.rule)


def _cause(command: SignalCommand) -> str | None:
    """The event from which the deadline ran, or which ended it."""
    match command:
        case RaiseSignal():
            return command.anchor_event_id
        case ResolveSignal():
            return command.cause_event_id
        case RetractSignal():
            return None


def _context(tenant_id: str, command: SignalCommand, trace_context: str | None) -> CommandContext:
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
        trace_context=trace_context,
    )
