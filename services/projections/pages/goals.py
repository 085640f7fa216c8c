"""Goals of a month: what was to be reached, what is, who is red and what to do about it (P9)."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from starlette.datastructures import FormData

from services.projections.domain.action_figures import MARKS_OF_QUALITY
from services.projections.domain.goals import METRICS
from services.projections.domain.words import say
from services.projections.pages.board_addresses import (
    asked_for,
    why_path,
)
from services.projections.pages.board_files import goals_file
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import with_query
from services.projections.pages.month_boards import MonthBoard, month_board
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question
from services.projections.queries.goal_months import goal_settings
from services.projections.queries.goals_board import goals_board
from shared.access import Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access
from shared.ports import Ports

_SHARES = frozenset({"first_visit_rate", "basket_growth"})
_FORM = FormFields(names=("metric", "target"))
_DEEDS = ("set", "cascade", "remove")
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = month_board(ports, access)
    writing = month_board(ports, access, Resource.GOALS, Verb.WRITE)

    @routes.get("/goals")
    async def goals(asked: MonthBoard = Depends(reading)) -> Response:
        return await _page(asked, _FORM.blank())

    @routes.post("/goals")
    async def change_goal(
        asked: MonthBoard = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = asked.visit
        return await sent(
            visit,
            _order(visit, asked.question, form),
            lambda refusal: _page(asked, _FORM.refused(visit, form, refusal)),
        )

    return routes


async def _order(visit: Visit, question: Question, form: FormData) -> Order:
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
    return Order(path=f"/goals/{question.month}/{deed}", body=body, place=_address(question))


def _address(question: Question) -> str:
    return f"/goals?{urlencode(asked_for(question))}"


def _typed_target(metric: str, text: str) -> float:
    """Shares are typed as people write them: 25 for 25 %. Raises Malformed."""
    try:
        typed = float(text.removesuffix("%"))
    except ValueError:
        problem = FieldProblem("target", "not-a-number", "a number like 36 or 25")
        raise Malformed("the target is no number", errors=[problem]) from None
    return typed / 100 if metric in _SHARES else typed


async def _page(asked: MonthBoard, form: ShownForm) -> Response:
    visit, question = asked.visit, asked.question
    reps = None if asked.is_file else visit.asker.reps_on_page(question)
    board = await goals_board(visit.ports.read_store, visit.asker, question, reps)
    metrics = {name: say(f"metric.{name}", question.language) for name in METRICS}
    if asked.is_file:
        return goals_file(visit, board["rows"], metrics)
    lines = [_line(visit, row, question) for row in board["rows"]]
    return asked.page(
        "goals.html",
        status=form.status,
        title=visit.words.say("Goals"),
        metrics=list(metrics.items()),
        settings=goal_settings(visit.organisation, board["as_of"]),
        whole=lines[0] if lines else None,
        below=lines[1:],
        red=[line for line in lines if line["red"]],
        may_set=visit.may(Resource.GOALS, Verb.WRITE),
        address=_address(question),
        form=form,
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
