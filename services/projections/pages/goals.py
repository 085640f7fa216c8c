"""Goals of a month: what was to be reached, what is, who is red and what to do about it (P9)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from services.projections.domain.action_figures import MARKS_OF_QUALITY
from services.projections.domain.goals import METRICS
from services.projections.domain.words import say
from services.projections.pages.board_addresses import (
    asked_for,
    file_path,
    months_before,
    why_path,
)
from services.projections.pages.choices import units_in_sight
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import from_today, page, with_query
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router
from services.projections.pages.refused_forms import refused_form
from services.projections.pages.visits import Visit, visit_of, wait_until_shown
from services.projections.queries.asking import Question
from services.projections.queries.goal_months import goal_settings
from services.projections.queries.goals_board import goals_board
from shared.access import Caller, Resource, Verb
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_SHARES = frozenset({"first_visit_rate", "basket_growth"})
_FIELDS = ("metric", "target")
_DEEDS = ("set", "cascade", "remove")
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)
    writing = access.may(Resource.GOALS, Verb.WRITE)

    @routes.get("/goals")
    async def goals(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await _page(visit, _question(visit, unit, rep, month))

    @routes.post("/goals")
    async def change_goal(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = _question(visit, unit, rep, month)
        try:
            deed, body = _command(visit, question, form)
            answer = await visit.api.post(f"/goals/{question.month}/{deed}", body)
        except (ApiRefused, Malformed) as refusal:
            return await _page(visit, question, refusal, filled(form, _FIELDS))
        await wait_until_shown(ports, answer.headers["Pulsetrail-Position"])
        return RedirectResponse(f"/goals?{urlencode(asked_for(question))}", status_code=303)

    return routes


def _question(visit: Visit, unit: str | None, rep: str | None, month: str | None) -> Question:
    running, language = months_before(visit, 1)[0], visit.words.language
    return Question(unit_id=unit, rep_id=rep, month=month or running, language=language)


def _command(visit: Visit, question: Question, form: FormData) -> tuple[str, dict[str, Any]]:
    """What is told of the unit or rep that is shown. Raises Malformed, NotFound."""
    deed = text_of(form, "deed")
    if deed not in _DEEDS:
        raise NotFound(f"nothing is called {deed!r} here")
    metric = text_of(form, "metric")
    rep_id = None if deed == "cascade" else visit.asker.only_rep(question)
    whose = {"person_id": rep_id} if rep_id else {"unit_id": visit.asker.unit(question)}
    body: dict[str, Any] = {"metric": metric, **whose}
    if deed == "set":
        body["target"] = _typed_target(metric, text_of(form, "target"))
    return deed, body


def _typed_target(metric: str, text: str) -> float:
    """Shares are typed as people write them: 25 for 25 %. Raises Malformed."""
    try:
        typed = float(text.removesuffix("%"))
    except ValueError:
        problem = FieldProblem("target", "not-a-number", "a number like 36 or 25")
        raise Malformed("the target is no number", errors=[problem]) from None
    return typed / 100 if metric in _SHARES else typed


async def _page(
    visit: Visit,
    question: Question,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    months, language = months_before(visit), visit.words.language
    board = await goals_board(visit.ports.read_store, visit.asker, question)
    lines = [_line(visit, row, question) for row in board["rows"]]
    form = refused_form(visit, refusal, {each: each for each in _FIELDS})
    return page(
        visit,
        "goals.html",
        status=form.status,
        title=visit.words.say("Goals"),
        crumbs=from_today(visit),
        question=question,
        months=months,
        units=units_in_sight(visit, Resource.BOARDS),
        metrics=[(name, say(f"metric.{name}", language)) for name in METRICS],
        settings=goal_settings(visit.organisation, board["as_of"]),
        whole=lines[0] if lines else None,
        below=lines[1:],
        red=[line for line in lines if line["red"]],
        may_set=visit.may(Resource.GOALS, Verb.WRITE),
        address=f"/goals?{urlencode(asked_for(question))}",
        form=form,
        typed=typed or dict.fromkeys(_FIELDS, ""),
        file=file_path("goals", question),
    )


def _line(visit: Visit, row: Row, question: Question) -> Row:
    """With each metric by name, as people write it, and where it comes from."""
    unit_id, rep_id = row["unit_id"], row["rep_id"]
    about = {"rep": rep_id} if rep_id else {"unit": unit_id, "rep": None}
    metrics = {
        each["metric"]: {
            **each,
            "actual_said": _said(visit, each["metric"], each["actual"]),
            "target_said": _said(visit, each["metric"], each["target"]),
            "why": why_path("goals", question, each["metric"], **about),
        }
        for each in row["metrics"]
    }
    quality = [
        {
            "title": say(f"metric.{name}", question.language),
            "said": visit.words.percent(row["qualified_actions"][name]),
            "why": why_path("goals", question, name, **about),
        }
        for name in MARKS_OF_QUALITY
    ]
    narrowed = with_query(visit.request, **about)
    return {**row, "metrics": metrics, "quality": quality, "narrowed": narrowed}


def _said(visit: Visit, metric: str, value: float | None) -> str | None:
    if value is None:
        return None
    return visit.words.percent(value) if metric in _SHARES else visit.words.number(value)
