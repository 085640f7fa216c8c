"""Golden actions by stage with their lights (P5), and the heat map of units (P7)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.projections.pages.breakpoints import months_before
from services.projections.pages.business_words import action_titles
from services.projections.pages.catalogue import message
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.golden_action_board import golden_action_board, heat_map_board
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_MONTHS = 6
_LEVELS: Mapping[str | None, str] = {
    "green": "fine",
    "yellow": "soon",
    "red": "over",
    None: "none",
}
_LIGHTS: Mapping[str, str] = {
    "green": message("green"),
    "yellow": message("yellow"),
    "red": message("red"),
}
_WORST_FIRST = ("over", "soon", "fine", "none")
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/golden-actions")
    async def golden_actions(
        request: Request,
        unit: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(unit_id=unit, month=month, language=visit.words.language)
        board = await golden_action_board(ports.read_store, visit.asker, question)
        return page(
            visit,
            "golden_actions.html",
            title=visit.words.say("Golden actions"),
            crumbs=[Crumb("/", visit.words.say("Today"))],
            question=question,
            unit_id=visit.asker.unit(question),
            scopes=_by_scope(visit, board["rows"]),
            titles=await action_titles(visit),
            months=months_before(visit, _MONTHS),
        )

    @routes.get("/heat-map")
    async def heat_map(
        request: Request,
        unit: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(unit_id=unit, month=month, language=visit.words.language)
        board = await heat_map_board(ports.read_store, visit.asker, question)
        rows = [
            {**row, "cells": [_lit(visit, each) for each in row["cells"]]} for row in board["rows"]
        ]
        return page(
            visit,
            "heat_map.html",
            title=visit.words.say("Heat map"),
            crumbs=[Crumb("/golden-actions", visit.words.say("Golden actions"))],
            question=question,
            actions=board["actions"],
            rows=sorted(rows, key=_badness),
            titles=await action_titles(visit),
            months=months_before(visit, _MONTHS),
        )

    return routes


def _lit(visit: Visit, cell: Row) -> Row:
    light = cell["light"]
    named = visit.words.say(_LIGHTS[light]) if light else ""
    return {**cell, "level": _LEVELS[light], "light_named": named}


def _by_scope(visit: Visit, rows: list[Row]) -> list[tuple[str, str | None, list[Row]]]:
    """The unit asked for, those below it, then the reps: as the board lists them."""
    found: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        scope = (row["unit_id"] if row["rep_id"] is None else "", row["rep_id"])
        found.setdefault(scope, []).append(_lit(visit, row))
    return [(of[0]["unit_id"], rep_id, of) for (_, rep_id), of in found.items()]


def _badness(row: Row) -> tuple[tuple[int, ...], str]:
    """More red cells first, of equals more yellow ones."""
    counts = [sum(cell["level"] == level for cell in row["cells"]) for level in _WORST_FIRST]
    return tuple(-count for count in counts), row["unit_id"]
