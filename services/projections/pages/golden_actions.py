"""Golden actions by stage with their lights (P5), and the heat map of units (P7)."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.projections.pages.board_addresses import file_path, months_before
from services.projections.pages.business_words import action_titles
from services.projections.pages.choices import units_in_sight
from services.projections.pages.layout import Crumb, from_today, page
from services.projections.pages.lights import badness, counts_of, lit
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.golden_action_board import golden_action_board, heat_map_board
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

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
        scopes = _by_scope(visit, board["rows"])
        return page(
            visit,
            "golden_actions.html",
            title=visit.words.say("Golden actions"),
            crumbs=from_today(visit),
            question=question,
            unit_id=visit.asker.unit(question),
            scopes=scopes,
            has_red=any(each["counts"]["over"] for each in scopes),
            titles=await action_titles(visit),
            months=months_before(visit),
            units=units_in_sight(visit, Resource.BOARDS),
            file=file_path("golden-actions", question),
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
            {**row, "cells": [lit(visit, each) for each in row["cells"]]} for row in board["rows"]
        ]
        return page(
            visit,
            "heat_map.html",
            title=visit.words.say("Heat map"),
            crumbs=[Crumb("/golden-actions", visit.words.say("Golden actions"))],
            question=question,
            actions=board["actions"],
            rows=sorted(rows, key=lambda row: (badness(row["cells"]), row["unit_id"])),
            titles=await action_titles(visit),
            months=months_before(visit),
            units=units_in_sight(visit, Resource.BOARDS),
            is_of_one_rep=visit.asker.only_rep(question) is not None,
            file=file_path("heat-map", question),
        )

    return routes


def _by_scope(visit: Visit, rows: list[Row]) -> list[Row]:
    """The unit asked for, then those below it, then the reps, of each the worst first."""
    found: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        scope = (row["unit_id"] if row["rep_id"] is None else "", row["rep_id"])
        found.setdefault(scope, []).append(lit(visit, row))
    scopes = [
        {
            "unit_id": of[0]["unit_id"],
            "rep_id": rep_id,
            "rows": of,
            "counts": counts_of(of),
        }
        for (_, rep_id), of in found.items()
    ]
    below = sorted(scopes[1:], key=lambda each: (bool(each["rep_id"]), badness(each["rows"])))
    return [*scopes[:1], *below]
