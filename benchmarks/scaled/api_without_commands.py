"""`pulsetrail api` whose handlers do all but handle commands on opportunities: what remains of a
post when the command is left out. Takes the arguments of `pulsetrail`."""

from typing import Any
from uuid import UUID

from services.cli.__main__ import main
from shared.command_handling import CommandHandling, Handled
from shared.envelope import Position

_LEFT_OUT = "opportunities"
_ANSWER = b'{"opportunity_id":"O-1","version":2,"events":["00000000-0000-0000-0000-000000000001"]}'

_handle = CommandHandling.handle


async def handle(self: Any, *arguments: Any, **named: Any) -> Any:
    if self._log != _LEFT_OUT:
        return await _handle(self, *arguments, **named)
    return Handled(
        state=None,
        version=2,
        position=Position(_LEFT_OUT, 0, 0),
        event_ids=(UUID(int=1),),
        duplicate=True,
        answer=_ANSWER,
    )


if __name__ == "__main__":
    CommandHandling.handle = handle  # type: ignore[method-assign]  # that is the point
    main()
