"""`pulsetrail demo`: the demonstration tenant, filled once; repeated, it goes on."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.cli.demonstration.filling import WAS_THERE, Filled, demonstrate, is_filled
from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE
from services.cli.hand_over import hand_over
from services.cli.output import Output
from shared.data_folder import FolderInUse
from shared.errors import DomainError
from shared.settings import ScaledSettings

_WHOLE = 1_000


class FolderIsServed(DomainError):
    code = "folder-is-served"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookForDemonstration(Request):
    """What of `demo` a serving process can do: its clock is the wall's, and other tenants live by
    it, so it cannot live through the past days as the demonstration does."""

    name: ClassVar[str] = "demo"
    wants_tenant: ClassVar[bool] = False

    async def run(self, desk: Desk) -> int:
        """Raises FolderIsServed where the tenant is still to be filled."""
        if not await is_filled(desk.ports):
            raise FolderIsServed(
                "the demonstration lives through its days on a clock of its own, so it needs the"
                " folder for itself: stop the process that serves it, then start that again with"
                " `serve --demo` (or run `pulsetrail demo` in between)"
            )
        return _told(WAS_THERE, desk.output)


async def fill_demonstration(folder: Path, output: Output) -> Filled:
    """Raises FolderInUse: the demonstration has a clock of its own, nobody else may hold it."""
    with output.progress("Demonstration", _WHOLE) as advance:
        return await demonstrate(folder, progress=lambda share: advance(round(share * _WHOLE)))


async def fill_on_database(output: Output) -> int:
    """Where DATABASE_URL says. Raises what demonstrate_on_database does."""
    from services.cli.demonstration.on_database import demonstrate_on_database

    with output.progress("Demonstration", _WHOLE) as advance:
        filled = await demonstrate_on_database(
            ScaledSettings(), lambda share: advance(round(share * _WHOLE))
        )
    return _told(filled, output)


async def fill(folder: Path, output: Output) -> int:
    try:
        filled = await fill_demonstration(folder, output)
    except FolderInUse:
        return await hand_over(folder, DEMO_TENANT, LookForDemonstration(), output)
    return _told(filled, output)


def _told(filled: Filled, output: Output) -> int:
    if output.as_json:
        output.document(
            {
                "tenant_id": DEMO_TENANT,
                "was_there": filled.was_there,
                "sent": filled.sent,
                "refused": filled.refused,
            }
        )
    elif filled.was_there:
        output.line(f"tenant {DEMO_TENANT} is there already")
    else:
        output.line(f"tenant {DEMO_TENANT} is there: {filled.sent:,} commands sent")
    return DONE
