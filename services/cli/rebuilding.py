"""`pulsetrail rebuild`: from the log, read models folded again (U2) and reactions brought up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.output import Advance
from shared.errors import FieldProblem, Malformed
from shared.projecting import ReadModel
from shared.reaction import Reaction
from shared.rebuilding import Difference, rebuild, take_from_the_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild(Request):
    """`names` empty: all read models, and those reactions that are behind. What a reaction did it
    never does again: it takes what it has not taken yet."""

    name: ClassVar[str] = "rebuild"

    names: tuple[str, ...] = ()
    compare: bool = False

    async def run(self, desk: Desk) -> int:
        targets = await self._named(desk)
        await desk.keep_up()
        rows: list[dict[str, Any]] = []
        for target in targets:
            with desk.output.progress(target.name, None) as advance:
                rows.append(await self._done(desk, target, advance))
        self._tell(desk, rows)
        return FOUND_SOMETHING if any(row["differences"] for row in rows) else DONE

    async def _done(
        self, desk: Desk, target: ReadModel | Reaction, advance: Advance
    ) -> dict[str, Any]:
        def progress(folded: int, _total: int) -> None:
            advance(folded)

        if isinstance(target, Reaction):
            taken = await take_from_the_log(desk.ports, target, progress=progress)
            return {"name": target.name, "differences": [], "taken": taken}
        found = await rebuild(desk.ports, target, compare=self.compare, progress=progress)
        return {"name": target.name, "differences": [*map(_shown, found)]}

    async def _named(self, desk: Desk) -> Sequence[ReadModel | Reaction]:
        """Raises Malformed for a name that nothing has, whole or without its service, and for a
        reaction that is to be compared."""
        followed = desk.ports.progress.subscriptions.values()
        found = {
            each.target.name: each.target
            for each in followed
            if not (self.compare and isinstance(each.target, Reaction))
        }
        if not self.names:
            at_rest = {
                each.target.name
                for each in followed
                if isinstance(each.target, Reaction) and (not desk.live or await each.at_head())
            }
            wanted_all = [each for each in found.values() if each.name not in at_rest]
            # Reactions look things up in read models.
            return sorted(wanted_all, key=lambda each: isinstance(each, Reaction))
        wanted: list[ReadModel | Reaction] = []
        for name in self.names:
            known = [each for each in found.values() if name in _names_of(each)]
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
            if "taken" in row:
                desk.output.line(f"{row['name']} took {row['taken']} events from the log")
                continue
            desk.output.line(f"{row['name']} {done}: {said}")
            for difference in row["differences"]:
                desk.output.line(f"  {difference['said']}")


def _names_of(target: ReadModel | Reaction) -> tuple[str, ...]:
    """Also as checkpoints and logs call it."""
    return (target.name, target.name.split(".")[-1], f"{target.name}.v{target.version}")


def _shown(difference: Difference) -> dict[str, Any]:
    return {
        "table": str(difference.table),
        "key": {str(name): value for name, value in difference.key.items()},
        "said": str(difference),
    }
