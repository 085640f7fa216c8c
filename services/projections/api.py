"""Reads over HTTP: boards, signals, timelines, and why."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.domain.words import LANGUAGES
from services.projections.queries.asking import Question, funnel_nodes
from services.projections.queries.boards import asker_of, board
from services.projections.queries.explanations import why
from services.projections.queries.exports import MEDIA_TYPES, board_as_file, events_as_file
from services.projections.queries.figure_explanations import why_on_board
from services.projections.queries.signal_board import STATES, SignalFilter, signal_board
from services.projections.queries.timelines import timeline
from services.projections.queries.waiting_approvals import approvals_waiting
from shared.access import Caller, Resource, Verb
from shared.clock import to_milliseconds
from shared.http import BASE, Access, Id, Name, When, json_response
from shared.ports import Ports

_PAGE = 50
Limit = Annotated[int, Query(ge=1, le=500)]
FunnelNode = Annotated[str, Field(min_length=1, max_length=120)]


class BoardFields(BaseModel):
    """Query fields of a board; unknown ones are refused.

    `from`, `to`, `via` (several, in order), `pipeline` and `segment` are the funnel's.
    """

    model_config = ConfigDict(extra="forbid")

    unit: Id | None = None
    rep: Id | None = None
    stage: Name | None = None
    key_industry: bool | None = None
    week: str | None = None
    month: str | None = None
    quarter: str | None = None
    as_of: When | None = None
    from_event: Annotated[FunnelNode | None, Field(alias="from")] = None
    to_event: Annotated[FunnelNode | None, Field(alias="to")] = None
    via: list[FunnelNode] = Field(default_factory=list, max_length=20)
    pipeline: Name | None = None
    segment: Name | None = None
    limit: Limit = _PAGE
    cursor: str | None = None

    def question(self, language: str) -> Question:
        return Question(
            nodes=funnel_nodes(self.from_event, self.to_event, self.via),
            pipeline=self.pipeline,
            segment=self.segment,
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            is_key=self.key_industry,
            week=self.week,
            month=self.month,
            quarter=self.quarter,
            as_of=_moment(self.as_of),
            limit=self.limit,
            cursor=self.cursor,
            language=language,
        )


class FigureFields(BoardFields):
    """`opportunity`: of one row of the silence board."""

    figure: Name
    opportunity: Id | None = None

    def question(self, language: str) -> Question:
        return replace(super().question(language), opportunity_id=self.opportunity)


class ExportFields(BoardFields):
    format: Literal["csv", "ndjson"] = "csv"


class SignalFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: Name | None = None
    state: Annotated[str, Query(pattern=f"^({'|'.join(STATES)})$")] | None = None
    subject: Name | None = None
    unit: Id | None = None
    rep: Id | None = None
    limit: Limit = _PAGE
    cursor: str | None = None


class PageFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Limit = _PAGE
    cursor: str | None = None


def language_of(request: Request) -> str:
    """The first of the reader's languages that the boards speak, else English."""
    accepted = request.headers.get("accept-language", "")
    for each in accepted.split(","):
        language = each.split(";")[0].strip().lower().split("-")[0]
        if language in LANGUAGES:
            return language
    return "en"


def _moment(when: datetime | None) -> datetime | None:
    return None if when is None else to_milliseconds(when)


def _as_file(name: str, as_format: str) -> dict[str, str]:
    return {
        "Content-Type": MEDIA_TYPES[as_format],
        "Content-Disposition": f'attachment; filename="{name}.{as_format}"',
    }


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["boards"], dependencies=[Depends(access.waited)])
    boards = access.may(Resource.BOARDS, Verb.READ)
    signals = access.may(Resource.SIGNALS, Verb.READ)
    timelines = access.may(Resource.TIMELINES, Verb.READ)
    events = access.may(Resource.EVENTS, Verb.READ)
    approvals = access.may(Resource.APPROVALS, Verb.READ)

    @routes.get("/boards/{name}")
    async def get_board(
        request: Request,
        name: str,
        fields: Annotated[BoardFields, Query()],
        caller: Caller = Depends(boards),
    ) -> Response:
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = fields.question(language_of(request))
        return json_response(await board(ports, asker, name, question))

    @routes.get("/boards/{name}/why")
    async def get_why_of_figure(
        request: Request,
        name: str,
        fields: Annotated[FigureFields, Query()],
        caller: Caller = Depends(boards),
    ) -> Response:
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = fields.question(language_of(request))
        return json_response(await why_on_board(ports, asker, name, fields.figure, question))

    @routes.get("/boards/{name}/export")
    async def export_board(
        request: Request,
        name: str,
        fields: Annotated[ExportFields, Query()],
        caller: Caller = Depends(boards),
    ) -> Response:
        """All rows as a file; formulas are defused in CSV."""
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = fields.question(language_of(request))
        content = await board_as_file(ports, asker, name, question, fields.format)
        return Response(content, headers=_as_file(name, fields.format))

    @routes.get("/exports/events")
    async def export_events(
        format: Literal["csv", "ndjson", "xes"] = "ndjson", caller: Caller = Depends(events)
    ) -> Response:
        """The whole log as a file, for auditors; XES holds opportunities without personal data."""
        lines = events_as_file(ports, caller.tenant_id, format)
        return StreamingResponse(lines, headers=_as_file("events", format))

    @routes.get("/signals")
    async def get_signals(
        fields: Annotated[SignalFields, Query()], caller: Caller = Depends(signals)
    ) -> Response:
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = Question(
            unit_id=fields.unit, rep_id=fields.rep, limit=fields.limit, cursor=fields.cursor
        )
        wanted = SignalFilter(rule=fields.rule, state=fields.state, subject_id=fields.subject)
        return json_response(await signal_board(ports.read_store, asker, question, wanted))

    @routes.get("/approvals")
    async def get_waiting_approvals(
        mine: bool = False, caller: Caller = Depends(approvals)
    ) -> Response:
        """Steps that wait for a decision; `mine`: only those that the caller may decide."""
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        rows = await approvals_waiting(ports.read_store, asker)
        return json_response({"rows": [row for row in rows if row["mine"] or not mine]})

    @routes.get("/timelines/{kind}/{subject_id}")
    async def get_timeline(
        kind: str,
        subject_id: str,
        fields: Annotated[PageFields, Query()],
        caller: Caller = Depends(timelines),
    ) -> Response:
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = Question(limit=fields.limit, cursor=fields.cursor)
        subject = SubjectOfTimeline(kind, subject_id)
        return json_response(await timeline(ports, asker, subject, question))

    @routes.get("/why/{subject_id}")
    async def get_why(
        request: Request, subject_id: str, caller: Caller = Depends(signals)
    ) -> Response:
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        return json_response(await why(ports, asker, subject_id, language_of(request)))

    return routes
