"""`pulsetrail compare-lead-rules`: leads scored by others than the rules in force, beside them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.leads.queries.rule_comparison import compared_rules, told_settings

_COUNTED = ("mean", "returned", "high_value")
_MOVES = ("lead_id", "unit_id", "owner_id", "before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareLeadRules(ReadingRequest):
    """`settings`: as NAME=VALUE."""

    name: ClassVar[str] = "compare-lead-rules"

    settings: tuple[str, ...] = ()

    async def run(self, desk: Desk) -> int:
        """Raises Malformed, NothingIsToChange."""
        wanted = told_settings(list(self.settings))
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        _tell(desk.output, await compared_rules(desk.ports, organisation, wanted))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        _tell(output, await server.document("/lead-rules/comparison", {"set": self.settings}))
        return DONE


def _tell(output: Output, answer: dict[str, Any]) -> None:
    if output.as_json:
        output.document(answer)
        return
    output.table("changes", answer["changes"], ("name", "before", "after"))
    output.line(f"{answer['moved']} of {answer['leads']} judged leads move")
    counted = [{"figure": name, **answer[name]} for name in _COUNTED]
    output.table("leads", counted, ("figure", "before", "after"))
    moves = [
        row | {"before": row["before"]["total"], "after": row["after"]["total"]}
        for row in answer["rows"]
    ]
    if moves:
        output.table("moves", moves, _MOVES)
    output.line(f"a change of these settings names the comparison {answer['comparison']}")
