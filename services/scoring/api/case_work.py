"""What managers do about cases of doubted records (S4)."""

from typing import Annotated, Any

from pydantic import StringConstraints

from services.scoring.domain.authenticity_cases import (
    AUTHENTICITY_CASES,
    DecideCase,
    Verdict,
    stream_of,
)
from services.scoring.queries.cases import one_case
from shared.access import Caller, Resource, Verb, visible_rows
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, Handled
from shared.http import Body


class CaseDecision(Body):
    """`genuine`: the doubt was right; `false`: it was not."""

    verdict: Verdict
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class CaseWork:
    def __init__(self, desk: CommandDesk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def decide(
        self, caller: Caller, case_id: str, body: CaseDecision, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotFound for a case that is not the caller's to judge."""
        organisation = await self.desk.organisation(caller)
        seen = visible_rows(caller, organisation, Resource.AUTHENTICITY, Verb.WRITE)
        case = await one_case(self.ports, organisation, seen, case_id)
        command = DecideCase(
            case_id=case_id,
            verdict=body.verdict,
            reason=body.reason,
            decided_by=caller.actor_id,
            now=context.occurred_at,
        )

        def render(_state: Any) -> dict[str, Any]:
            return {"case_id": case_id, "rule": case.rule, "state": body.verdict}

        where = stream_of(case.rule, case.rep_id)
        return await self.desk.handle(AUTHENTICITY_CASES, where, command, context, render)
