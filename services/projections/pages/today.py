"""Today: at most three instructions, my escalations, the team, the index of the week (P11)."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.domain.windows import week_of
from services.projections.pages.board_files import instruction_file
from services.projections.pages.business_words import next_step_in_words, rule_in_words
from services.projections.pages.layout import from_today, page, with_query
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.instruction_board import instruction_board
from services.projections.queries.process_health_board import health_of_last_weeks
from services.projections.queries.team_strip import team_strip
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

_ESCALATIONS_SHOWN = 5
_REPS_SHOWN = 12
_NAMED_IN_LIST = 100


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/")
    async def today(
        request: Request, unit: Id | None = None, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(unit_id=unit, language=visit.words.language)
        reads, asker = ports.read_store, visit.asker
        return page(
            visit,
            "today.html",
            title=visit.words.say("Today"),
            unit_id=asker.unit(question),
            instructions=(await instruction_board(reads, asker, question))["rows"],
            escalations=await my_escalations(visit),
            strips=await team_strip(reads, asker, question, _REPS_SHOWN),
            health=await _health(visit, question),
        )

    @routes.get("/instructions/{kind}")
    async def show_instruction(
        request: Request,
        kind: Name,
        stage: Name,
        unit: Id | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(unit_id=unit, language=visit.words.language)
        rows = (await instruction_board(ports.read_store, visit.asker, question))["rows"]
        told = next((each for each in rows if (each["kind"], each["stage"]) == (kind, stage)), None)
        listed = told["opportunities"] if told else []
        listed = listed if as_file else listed[:_NAMED_IN_LIST]
        await visit.know_customers([one["customer_id"] for one in listed])
        if as_file:
            return instruction_file(visit, stage, listed)
        return page(
            visit,
            "instruction.html",
            title=visit.words.say("What to do"),
            crumbs=from_today(visit),
            told=told,
            listed=listed,
            file=with_query(request, format="csv"),
        )

    return routes


async def my_escalations(visit: Visit) -> list[dict[str, Any]]:
    """Not acknowledged yet, told to the reader or held by them; of a reader who is nobody in
    particular all in sight."""
    if not visit.may(Resource.ESCALATIONS):
        return []
    query = [("state", "open"), ("limit", str(_ESCALATIONS_SHOWN))]
    if visit.caller.person_id is not None:
        query.append(("mine", "true"))
    shown = (await visit.api.get("/escalations", query))["rows"]
    await visit.know_customers([row["customer_id"] for row in shown])
    return [
        {
            **row,
            "title": rule_in_words(visit, row["rule"]),
            "advice": next_step_in_words(visit, row["rule"]),
            "due_at": moment_said(row["due_at"]),
        }
        for row in shown
    ]


async def _health(visit: Visit, question: Question) -> dict[str, Any]:
    """Of this week, with the last one beside it."""
    clock = visit.asker.clock
    zone = visit.organisation.zone(clock)
    this = week_of(clock, zone)
    last = week_of(this.begins - timedelta(days=1), zone)
    asked = replace(question, week=this.name)
    rows = await health_of_last_weeks(visit.ports.read_store, visit.asker, asked, 2, below=False)
    by_week = {row["week"]: row for row in rows}
    indexes = [by_week.get(week.name) for week in (this, last)]
    now, before = (each["index"] if each else None for each in indexes)
    change = None if now is None or before is None else now - before
    outside = indexes[0]["outside_healthy_range"] if indexes[0] else []
    return {"week": this.name, "index": now, "change": change, "outside": outside}
