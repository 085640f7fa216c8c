"""`pulsetrail rebuild`: read models folded again from the log, beside the live ones (U2)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from shared.errors import FieldProblem, Malformed
from shared.projecting import ReadModel
from shared.rebuilding import Difference, rebuild
from shared.subscription import Reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild(Request):
    """`names` empty: all of them."""

    name: ClassVar[str] = "rebuild"

    names: tuple[str, ...] = ()
    compare: bool = False

    async def run(self, desk: Desk) -> int:
        read_models = self._named(desk)
        await desk.keep_up()
        rows: list[dict[str, Any]] = []
        for read_model in read_models:
            with desk.output.progress(read_model.name, None) as advance:
                differences = await rebuild(
                    desk.ports,
                    read_model,
                    compare=self.compare,
                    progress=lambda folded, _total: advance(folded),  # told at once
                )
            rows.append({"name": read_model.name, "differences": [*map(_shown, differences)]})
        self._tell(desk, rows)
        return FOUND_SOMETHING if any(row["differences"] for row in rows) else DONE

    def _named(self, desk: Desk) -> list[ReadModel]:
        """Raises Malformed for a name that no read model has, whole or without its service."""
        found = {
            subscription.target.name: subscription.target
            for subscription in desk.ports.progress.subscriptions.values()
            if not isinstance(subscription.target, Reaction)
        }
        if not self.names:
            return list(found.values())
        wanted = []
        for name in self.names:
            known = [each for full, each in found.items() if name in (full, full.split(".")[-1])]
            if not known:
                problem = FieldProblem("name", "unknown", f"one of {', '.join(sorted(found))}")
                raise Malformed(f"there is no read model {name!r}", errors=[problem])
            wanted += known
        return wanted

    def _tell(self, desk: Desk, rows: list[dict[str, Any]]) -> None:
        if desk.output.as_json:
            desk.output.document({"compared": self.compare, "rows": rows})
            return
        done = "compared" if self.compare else "rebuilt"
        for row in rows:
            count = len(row["differences"])
            said = f"{count} differences" if count else "no difference" if self.compare else "done"
            desk.output.line(f"{row['name']} {done}: {said}")
            for difference in row["differences"]:
                desk.output.line(f"  {difference['said']}")


def _shown(difference: Difference) -> dict[str, Any]:
    return {
        "table": str(difference.table),
        "key": {str(name): value for name, value in difference.key.items()},
        "said": str(difference),
    }
