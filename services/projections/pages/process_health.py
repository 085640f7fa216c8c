"""Process health: index by week, its three parts, units and reps, the worst first (P3)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.domain.process_health import PARTS, HealthSettings, healthy_index
from services.projections.domain.windows import end_of
from services.projections.domain.workshop import RULE as WORKSHOP
from services.projections.pages.board_files import process_health_file
from services.projections.pages.catalogue import message
from services.projections.pages.layout import Crumb, from_today, page
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.customer_names import customers_of
from services.projections.queries.process_health_board import (
    health_of_last_weeks,
    health_settings,
    running_week,
)
from services.projections.queries.signal_board import SignalFilter, signal_board
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_WEEKS = 12
_WORST = 10
_PART_NAMES: Mapping[str, str] = {
    "stage_compliance": message("Stage compliance"),
    "evidence_rate": message("Evidence rate"),
    "silence_overrun": message("Silence overrun"),
}
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/process-health")
    async def process_health(
        request: Request,
        unit: Id | None = None,
        week: str | None = None,
        sort: Literal["-index", "name", "-name"] | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        of: Literal["weeks", "units", "reps"] = "weeks",
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(unit_id=unit, week=week, language=visit.words.language)
        asker, unit_id = visit.asker, visit.asker.unit(question)
        rows = await health_of_last_weeks(ports.read_store, asker, question, _WEEKS)
        shown = running_week(asker, question)
        settings = health_settings(asker.organisation, end_of(shown, asker.clock).at)
        of_unit = [row for row in rows if _is_of(row, unit_id)]
        this = next((row for row in of_unit if row["week"] == shown.name), None)
        others = [row for row in rows if not _is_of(row, unit_id)]
        if as_file:
            of_reps = [row for row in others if row["rep_id"]]
            of_units = [row for row in others if not row["rep_id"]]
            tables = {"weeks": of_unit, "units": of_units, "reps": of_reps}
            return process_health_file(visit, of, tables[of], _PART_NAMES)
        units = _ordered(visit, sort, [row for row in others if not row["rep_id"]], shown.name)
        reps = _ordered(visit, sort, [row for row in others if row["rep_id"]], shown.name)
        return page(
            visit,
            "process_health.html",
            title=visit.words.say("Process health"),
            crumbs=_crumbs(visit, unit_id),
            unit_id=unit_id,
            week=shown.name,
            weeks=of_unit,
            limit=healthy_index(settings),
            now=this,
            parts=_parts(visit, this, settings),
            order=sort or "",
            units=units,
            reps=reps,
            has_red_below=any(line["outside"] for line in (*units, *reps)),
            proposal=await _proposal(visit, unit_id),
        )

    return routes


def _is_of(row: Row, unit_id: str) -> bool:
    return row["unit_id"] == unit_id and row["rep_id"] is None


def _crumbs(visit: Visit, unit_id: str) -> list[Crumb]:
    """The units above that the reader may see."""
    seen = visit.asker.visibility(Resource.BOARDS)
    above = visit.organisation.unit_path(unit_id)[:-1]
    return [
        *from_today(visit),
        *(
            Crumb(f"/process-health?unit={each}", visit.unit(each))
            for each in above
            if seen.everything or each in seen.unit_ids
        ),
    ]


def _parts(visit: Visit, row: Row | None, settings: HealthSettings) -> list[Row]:
    """Each with its healthy range; of the overrun less is better."""
    found = []
    for part in PARTS:
        is_overrun = part == "silence_overrun"
        figure = f"{settings.index_uses}_overrun" if is_overrun else part
        limit = getattr(settings, f"healthy_{part}")
        found.append(
            {
                "figure": figure,
                "name": visit.words.say(_PART_NAMES[part]),
                "value": row[part] if row else None,
                "limit": limit,
                "less_is_better": is_overrun,
                "is_outside": row is not None and part in row["outside_healthy_range"],
            }
        )
    return found


def _ordered(visit: Visit, order: str | None, rows: Sequence[Row], week: str) -> list[Row]:
    """The worst of the week first, unless the reader wants it otherwise; without an index last."""
    lines = _lines(visit, rows, week)
    by = "name" if order in ("name", "-name") else "index"
    there = [line for line in lines if line[by] is not None]
    there.sort(key=lambda line: line[by], reverse=(order or "").startswith("-"))
    return there + [line for line in lines if line[by] is None]


def _lines(visit: Visit, rows: Sequence[Row], week: str) -> list[Row]:
    """One per unit or rep with its weeks."""
    by_scope: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        scope = (row["unit_id"] if row["rep_id"] is None else "", row["rep_id"])
        by_scope.setdefault(scope, []).append(row)
    found = []
    for of_scope in by_scope.values():
        now = next((row for row in of_scope if row["week"] == week), None)
        last = of_scope[-1]
        found.append(
            {
                "unit_id": last["unit_id"],
                "rep_id": last["rep_id"],
                "name": visit.person(last["rep_id"])
                if last["rep_id"]
                else visit.unit(last["unit_id"]),
                "index": now["index"] if now else None,
                "outside": now["outside_healthy_range"] if now else [],
                "points": _points([row["index"] for row in of_scope]),
            }
        )
    return found


def _points(indexes: Sequence[float | None]) -> str:
    """A line from left to right in a box of 100 by 100, of what is there."""
    step = 100 / max(1, len(indexes) - 1)
    placed = [(number * step, each) for number, each in enumerate(indexes) if each is not None]
    return " ".join(f"{x:.0f},{100 - y:.0f}" for x, y in placed)


async def _proposal(visit: Visit, unit_id: str) -> Row | None:
    """The workshop that stands proposed for the unit, with the worst of each part."""
    wanted = SignalFilter(rule=WORKSHOP, state="open", subject_id=unit_id)
    rows = (await signal_board(visit.ports.read_store, visit.asker, Question(), wanted))["rows"]
    if not rows:
        return None
    signal = rows[-1]
    parts = []
    for part in signal["facts"]["parts"]:
        worst = signal["facts"].get(f"{part}_worst", [])[:_WORST]
        reads, tenant_id = visit.ports.read_store, visit.asker.tenant_id
        customers = await customers_of(reads, tenant_id, worst)
        await visit.know_customers(list(customers.values()))
        named = [(each, visit.customer(customers.get(each)) or each) for each in worst]
        parts.append({"name": visit.words.say(_PART_NAMES[part]), "worst": named})
    return {"signal_id": signal["signal_id"], "window": signal["window"], "parts": parts}
