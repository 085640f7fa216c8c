"""A board of a unit in a month: how its page is asked for, and what every such page offers."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from services.projections.pages.board_addresses import months_before
from services.projections.pages.choices import units_in_sight
from services.projections.pages.layout import Crumb, from_today, page, with_query
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBoard:
    """As the address asks for it."""

    visit: Visit
    question: Question
    is_file: bool

    def page(
        self,
        template: str,
        *,
        title: str,
        crumbs: Sequence[Crumb] | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        return page(
            self.visit,
            template,
            title=title,
            crumbs=from_today(self.visit) if crumbs is None else crumbs,
            status=status,
            question=self.question,
            months=months_before(self.visit),
            units=units_in_sight(self.visit, Resource.BOARDS),
            file=with_query(self.visit.request, format="csv"),
            **values,
        )


def month_board(
    ports: Ports,
    access: Access,
    resource: Resource = Resource.BOARDS,
    verb: Verb = Verb.READ,
    *,
    of_all_time: bool = False,
) -> Callable[..., Coroutine[Any, Any, MonthBoard]]:
    """What a route depends on that shows one, or changes what one shows. `of_all_time`: without a
    month, instead of the running one."""
    allowed = access.may(resource, verb)

    async def asked(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        month: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(allowed),
    ) -> MonthBoard:
        visit = await visit_of(ports, request, caller)
        usual = None if of_all_time else months_before(visit, 1)[0]
        language = visit.words.language
        question = Question(unit_id=unit, rep_id=rep, month=month or usual, language=language)
        return MonthBoard(visit=visit, question=question, is_file=as_file is not None)

    return asked
