"""Golden actions by stage with their lights (P5), and the heat map of units (P7)."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Response

from services.projections.pages.board_addresses import why_path
from services.projections.pages.board_files import golden_actions_file
from services.projections.pages.business_words import action_titles
from services.projections.pages.layout import Crumb
from services.projections.pages.lights import badness, counts_of, lit
from services.projections.pages.month_boards import MonthBoard, month_board
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question
from services.projections.queries.golden_action_board import golden_action_board, heat_map_board
from shared.http import Access
from shared.ports import Ports

Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = month_board(ports, access, of_all_time=True)

    @routes.get("/golden-actions")
    async def golden_actions(
        asked: MonthBoard = Depends(reading),
    ) -> Response:
        visit, question = asked.visit, asked.question
        reps = None if asked.is_file else visit.asker.reps_on_page(question)
        board = await golden_action_board(ports.read_store, visit.asker, question, reps)
        titles = await action_titles(visit)
        if asked.is_file:
            lit_rows = [lit(visit, row) for row in board["rows"]]
            return golden_actions_file(visit, "golden-actions", lit_rows, titles)
        scopes = _by_scope(visit, board["rows"])
        return asked.page(
            "golden_actions.html",
            title=visit.words.say("Golden actions"),
            unit_id=visit.asker.unit(question),
            scopes=scopes,
            has_red=any(each["counts"]["over"] for each in scopes),
            titles=titles,
        )

    @routes.get("/heat-map")
    async def heat_map(
        asked: MonthBoard = Depends(reading),
    ) -> Response:
        visit, question = asked.visit, asked.question
        board = await heat_map_board(ports.read_store, visit.asker, question)
        rows = [
            {**row, "cells": [lit(visit, each) for each in row["cells"]]} for row in board["rows"]
        ]
        titles = await action_titles(visit)
        if asked.is_file:
            cells = [cell for row in rows for cell in _cells(row, board["actions"])]
            return golden_actions_file(visit, "heat-map", cells, titles)
        return asked.page(
            "heat_map.html",
            title=visit.words.say("Heat map"),
            crumbs=[Crumb("/golden-actions", visit.words.say("Golden actions"))],
            actions=board["actions"],
            why=[_why_of_units(question, each) for each in board["actions"]],
            rows=sorted(rows, key=lambda row: (badness(row["cells"]), row["unit_id"])),
            titles=titles,
            is_of_one_rep=visit.asker.only_rep(question) is not None,
        )

    return routes


def _cells(row: Row, actions: Sequence[Row]) -> list[Row]:
    return [
        {"unit_id": row["unit_id"], **action, **cell}
        for action, cell in zip(actions, row["cells"], strict=True)
    ]


def _why_of_units(question: Question, action: Row) -> str:
    """Where a unit's cell leads, up to the unit's id: made once a column, not once a cell."""
    about = {"stage": action["stage"], "unit": None}
    return f"{why_path('heat-map', question, action['action'], **about)}&unit="


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
