"""Traffic lights: entered, proposed and answered in time, by team and rep (P8)."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.domain.traffic_lights import LIGHTS
from services.projections.domain.words import say
from services.projections.pages.board_addresses import (
    telling_quarter,
    why_path,
    windows_before,
    with_window,
)
from services.projections.pages.board_files import lights_file
from services.projections.pages.catalogue import message
from services.projections.pages.choices import units_in_sight
from services.projections.pages.layout import from_today, page, with_query
from services.projections.pages.lights import badness, lit
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.traffic_light_board import traffic_light_board
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_RULES: Mapping[str, str] = {
    "entered": message("its opening recorded within 24 h"),
    "proposal": message("sent within 72 h of entering the stage that the pipeline names"),
    "reaction": message("a reaction within 7 days of the latest proposal"),
}
_NEXT_STEPS: Mapping[str, str] = {
    "entered": message("Next step: open it, and have what was agreed entered the same day."),
    "proposal": message("Next step: open it, and have the proposals that wait sent today."),
    "reaction": message("Next step: open it, and call the customers that have not answered."),
}
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/traffic-lights")
    async def traffic_lights(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        window: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        asked = Question(unit_id=unit, rep_id=rep, language=visit.words.language)
        question = with_window(asked, window or telling_quarter(visit))
        reps = None if as_file else visit.asker.reps_on_page(question)
        board = await traffic_light_board(ports.read_store, visit.asker, question, reps)
        if as_file:
            return lights_file(visit, [lit(visit, row) for row in board["rows"]])
        scopes = _by_scope(visit, board["rows"], question)
        return page(
            visit,
            "traffic_lights.html",
            title=visit.words.say("Traffic lights"),
            crumbs=from_today(visit),
            question=question,
            window=question.quarter or question.month,
            windows=windows_before(visit),
            units=units_in_sight(visit, Resource.BOARDS),
            measures=[(name, say(f"light.{name}", visit.words.language)) for name in LIGHTS],
            rules={name: visit.words.say(rule) for name, rule in _RULES.items()},
            next_steps={name: visit.words.say(step) for name, step in _NEXT_STEPS.items()},
            whole=scopes[0] if scopes else None,
            below=sorted(
                scopes[1:],
                key=lambda each: (bool(each["rep_id"]), badness(each["lights"].values())),
            ),
            red=[name for name in LIGHTS if any(_is_red(each, name) for each in scopes)],
            file=with_query(request, format="csv"),
        )

    return routes


def _is_red(scope: Row, name: str) -> bool:
    return name in scope["lights"] and scope["lights"][name]["level"] == "over"


def _by_scope(visit: Visit, rows: list[Row], question: Question) -> list[Row]:
    """One per unit or rep, with its lights by name."""
    found: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        unit_id, rep_id = row["unit_id"], row["rep_id"]
        key = ("" if rep_id else unit_id, rep_id)
        if key not in found:
            narrowed = {"rep": rep_id} if rep_id else {"unit": unit_id, "rep": None}
            found[key] = {
                "unit_id": unit_id,
                "rep_id": rep_id,
                "narrowed": with_query(visit.request, **narrowed),
                "lights": {},
            }
        about = {"rep": rep_id} if rep_id else {"unit": unit_id}
        why = why_path("traffic-lights", question, row["measure"], **about)
        found[key]["lights"][row["measure"]] = {**lit(visit, row), "why": why}
    return list(found.values())
