"""Reads over HTTP: boards, signals, timelines, and why."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.domain.words import LANGUAGES
from services.projections.queries.asking import Question
from services.projections.queries.boards import asker_of, board
from services.projections.queries.explanations import why
from services.projections.queries.figure_explanations import why_on_board
from services.projections.queries.signal_board import STATES, SignalFilter, signal_board
from services.projections.queries.timelines import timeline
from shared.access import Caller, Resource, Verb
from shared.clock import to_milliseconds
from shared.http import BASE, Access, Id, Name, When, json_response
from shared.ports import Ports

_PAGE = 50
Limit = Annotated[int, Query(ge=1, le=500)]


class BoardFields(BaseModel):
    """Query fields of a board; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")

    unit: Id | None = None
    rep: Id | None = None
    stage: Name | None = None
    key_industry: bool | None = None
    week: str | None = None
    month: str | None = None
    as_of: When | None = None
    limit: Limit = _PAGE
    cursor: str | None = None

    def question(self, language: str) -> Question:
        return Question(
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            is_key=self.key_industry,
            week=self.week,
            month=self.month,
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


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["boards"], dependencies=[Depends(access.waited)])
    boards = access.may(Resource.BOARDS, Verb.READ)
    signals = access.may(Resource.SIGNALS, Verb.READ)
    timelines = access.may(Resource.TIMELINES, Verb.READ)

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
