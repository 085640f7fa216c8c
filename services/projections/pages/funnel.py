"""The funnel: who got from step to step in a window, who waits, who dropped out (P6)."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.projections.pages.board_addresses import (
    telling_quarter,
    why_path,
    windows_before,
    with_window,
)
from services.projections.pages.board_files import funnel_file
from services.projections.pages.business_words import action_titles
from services.projections.pages.choices import units_in_sight
from services.projections.pages.funnel_words import (
    node_in_words,
    nodes_to_choose,
    segment_in_words,
    segments_to_choose,
)
from services.projections.pages.layout import Crumb, from_today, page, with_query
from services.projections.pages.page_route import page_router
from services.projections.pages.tables import Lines, Rows, whole_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question, funnel_nodes
from services.projections.queries.course_explanations import funnel_behind, funnel_part
from services.projections.queries.customer_names import customers_of
from services.projections.queries.funnel_board import funnel_board
from services.projections.queries.stage_titles import pipeline_names
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

Node = Annotated[str, Field(min_length=1, max_length=120)]
Row = dict[str, Any]


class FunnelFields(BaseModel):
    """Of the page's address; `window`: a quarter or a month."""

    unit: Id | None = None
    rep: Id | None = None
    window: Annotated[str | None, Field(min_length=6, max_length=7)] = None
    from_event: Annotated[Node | None, Field(alias="from")] = None
    to_event: Annotated[Node | None, Field(alias="to")] = None
    via: list[Node] = Field(default_factory=list, max_length=20)
    pipeline: Name | None = None
    segment: Name | None = None
    as_file: Annotated[Literal["csv"] | None, Field(alias="format")] = None

    def question(self, visit: Visit) -> Question:
        asked = Question(
            unit_id=self.unit,
            rep_id=self.rep,
            nodes=funnel_nodes(self.from_event, self.to_event, self.via),
            pipeline=self.pipeline,
            segment=self.segment,
            language=visit.words.language,
        )
        return with_window(asked, self.window or telling_quarter(visit))


class StepFields(FunnelFields):
    """`step`: the node arrived at, 0 for the whole way."""

    step: Annotated[int, Field(ge=0, le=50)]
    how: Literal["reached", "pending", "dropped"]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/funnel")
    async def funnel(
        request: Request,
        fields: Annotated[FunnelFields, Query()],
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = fields.question(visit)
        reps = None if fields.as_file else visit.asker.reps_on_page(question)
        board = await funnel_board(ports.read_store, visit.asker, question, reps)
        actions = await action_titles(visit)
        names = [node_in_words(visit, each, actions) for each in board["nodes"]]
        lines = [_line(visit, row, names, question) for row in board["rows"]]
        if fields.as_file:
            return funnel_file(visit, lines)
        whole = lines[0] if lines else None
        return page(
            visit,
            "funnel.html",
            title=visit.words.say("Funnel"),
            crumbs=from_today(visit),
            question=question,
            window=question.quarter or question.month,
            windows=windows_before(visit),
            units=units_in_sight(visit, Resource.BOARDS),
            pipelines=await pipeline_names(ports.read_store, visit.asker.tenant_id),
            pipeline=board["pipeline"],
            segments=segments_to_choose(visit),
            choices=nodes_to_choose(visit, actions),
            names=names,
            whole=whole,
            of_segments=[row for row in lines if row["segment"] is not None],
            below=[row for row in lines[1:] if row["segment"] is None],
            behind=lambda step, how: _behind(visit, step, how),
            file=with_query(request, format="csv"),
            why=why_path("funnel", question, "conversion"),
        )

    @routes.get("/funnel/opportunities")
    async def funnel_opportunities(
        request: Request,
        fields: Annotated[StepFields, Query()],
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = fields.question(visit)
        if fields.as_file:
            return await _file_of_opportunities(visit, question, fields)
        part = await funnel_part(ports, visit.asker, question, fields.step, fields.how)
        ids = [each["opportunity_id"] for each in part["behind"][fields.how]]
        actions = await action_titles(visit)
        return page(
            visit,
            "funnel_opportunities.html",
            title=visit.words.say("The opportunities behind it"),
            crumbs=[Crumb(f"/funnel?{_query(visit)}", visit.words.say("Funnel"))],
            how=fields.how,
            first=node_in_words(visit, part["from"], actions),
            last=node_in_words(visit, part["to"], actions),
            count=part[fields.how],
            opportunities=await _with_customers(visit, ids),
            file=with_query(request, format="csv"),
            why=why_path("funnel", question, fields.how),
        )

    return routes


async def _with_customers(visit: Visit, ids: list[str]) -> list[tuple[str, str]]:
    """Opportunities with what the customer of each is called."""
    customers = await customers_of(visit.ports.read_store, visit.asker.tenant_id, ids)
    await visit.know_customers(list(customers.values()))
    return [(each, visit.customer(customers.get(each))) for each in ids]


async def _file_of_opportunities(visit: Visit, question: Question, fields: StepFields) -> Response:
    say = visit.words.say

    async def pages() -> AsyncIterator[Rows]:
        found = funnel_behind(visit.ports, visit.asker, question, fields.step, fields.how)
        async for ids in found:
            yield [{"opportunity_id": each} for each in ids]

    async def lines(rows: Rows) -> Lines:
        return await _with_customers(visit, [row["opportunity_id"] for row in rows])

    columns = (say("Opportunity"), say("Customer"))
    return await whole_file(visit, "funnel-opportunities", columns, pages(), lines)


def _line(visit: Visit, row: Row, names: list[str], question: Question) -> Row:
    """`steps`: one per node, the first being who entered; `narrowest` the bottleneck of them."""
    steps: list[Row] = [
        {**step, "number": number, "from_named": names[number - 1], "named": names[number]}
        for number, step in enumerate(row["steps"], start=1)
    ]
    segment, value = question.segment, row["segment"]
    return {
        **row,
        "steps": steps,
        "narrowest": next((step for step in steps if step["is_bottleneck"]), None),
        "segment_named": segment_in_words(visit, segment, value) if segment else "",
        "narrowed": _narrowed(visit, row),
    }


def _narrowed(visit: Visit, row: Row) -> str:
    """The same funnel of this unit or rep alone."""
    of_rep: Mapping[str, str | None] = {"rep": row["rep_id"]}
    of_unit: Mapping[str, str | None] = {"unit": row["unit_id"], "rep": None}
    return with_query(visit.request, **(of_rep if row["rep_id"] else of_unit))


def _behind(visit: Visit, step: int, how: str) -> str:
    more = urlencode({"step": step, "how": how})
    return "/funnel/opportunities?" + "&".join(filter(None, (_query(visit), more)))


def _query(visit: Visit) -> str:
    """What the address asks of the funnel."""
    asked = visit.request.query_params.multi_items()
    return urlencode([each for each in asked if each[0] not in ("step", "how", "language")])
