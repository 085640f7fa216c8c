"""A board of a unit in a month: how its page is asked for, and what every such page offers."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request, Response

from services.projections.pages.board_addresses import file_path, months_before
from services.projections.pages.choices import units_in_sight
from services.projections.pages.layout import Crumb, from_today, page
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBoard:
    """As the address asks for it; without a month the running one."""

    visit: Visit
    question: Question

    def page(
        self,
        name: str,
        template: str,
        *,
        title: str,
        crumbs: Sequence[Crumb] | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        """`name`: the board's among the API's exports."""
        return page(
            self.visit,
            template,
            title=title,
            crumbs=from_today(self.visit) if crumbs is None else crumbs,
            status=status,
            question=self.question,
            months=months_before(self.visit),
            units=units_in_sight(self.visit, Resource.BOARDS),
            file=file_path(name, self.question),
            **values,
        )


def month_board(
    ports: Ports, access: Access, resource: Resource = Resource.BOARDS, verb: Verb = Verb.READ
) -> Callable[..., Coroutine[Any, Any, MonthBoard]]:
    """What a route depends on that shows one, or changes what one shows."""
    allowed = access.may(resource, verb)

    async def asked(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(allowed),
    ) -> MonthBoard:
        visit = await visit_of(ports, request, caller)
        running, language = months_before(visit, 1)[0], visit.words.language
        question = Question(unit_id=unit, rep_id=rep, month=month or running, language=language)
        return MonthBoard(visit=visit, question=question)

    return asked
