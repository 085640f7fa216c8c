"""`pulsetrail dead-letters`: what poison has parked in the scaled system."""

from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.scaled import Parts, open_scaled
from shared.dead_letters import dead_letters, discard, retry
from shared.settings import ScaledSettings

_COLUMNS = ("subscription", "stream", "partition", "log_offset", "reason", "discarded_by")


async def on_dead_letters(output: Output, what: str, *named: str) -> int:
    """`what`: list, retry or discard. Raises NotFound, StillPoison, StoreAway."""
    async with open_scaled(ScaledSettings(), Parts()) as hosting:
        match what:
            case "retry":
                count = await retry(hosting.ports, *named)
                said = "applied"
            case "discard":
                count = await discard(hosting.ports, *named)
                said = "given up"
            case _:
                _show(output, [each._asdict() for each in await dead_letters(hosting.ports)])
                return DONE
    if output.as_json:
        output.document({said.replace(" ", "_"): count})
    else:
        output.line(f"{count} {said}")
    return DONE


def _show(output: Output, rows: list[dict[str, object]]) -> None:
    if output.as_json:
        output.document({"rows": rows})
    else:
        output.table(None, rows, _COLUMNS)
