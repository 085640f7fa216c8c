"""Commands for many aggregates that are committed together."""

from collections.abc import Sequence
from typing import Any

from shared.command_handling import CommandContext, CommandHandling, Run, Step, derived_id
from shared.decider import Decider


def recognised(command: Any, context: CommandContext) -> Step:
    """Its event gets the id that the context's key gives a single command's first event, so that a
    repeat meets it."""
    key = context.idempotency_key or ""
    return Step(command, context, derived_id(context.tenant_id, context.caller, key, 0))


async def carried_out(
    commands: CommandHandling, decider: Decider[Any, Any, Any], runs: Sequence[Run]
) -> None:
    """With one commit. Raises the first refusal; what was accepted beside it is stored."""
    if not runs:
        return
    for refusals in await commands.handle_runs(decider, runs):
        for refusal in refusals:
            if refusal is not None:
                raise refusal
