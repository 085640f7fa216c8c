"""`pulsetrail demo`: the demonstration tenant, filled once; repeated, it goes on."""

from pathlib import Path

from services.cli.demonstration.filling import Filled, demonstrate
from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.exit_codes import DONE
from services.cli.output import Output

_WHOLE = 1_000


async def fill_demonstration(folder: Path, output: Output) -> Filled:
    """Raises FolderInUse: the demonstration has a clock of its own, nobody else may hold it."""
    with output.progress("Demonstration", _WHOLE) as advance:
        return await demonstrate(folder, progress=lambda share: advance(round(share * _WHOLE)))


async def fill(folder: Path, output: Output) -> int:
    filled = await fill_demonstration(folder, output)
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
