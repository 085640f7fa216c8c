"""Silence: every open opportunity with the hours left, worst first (P2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.pages.business_words import action_titles
from services.projections.pages.choices import people_below, units_in_sight
from services.projections.pages.layout import from_today, page
from services.projections.pages.page_route import page_router
from services.projections.pages.tables import Lines, every_page, whole_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.latest_deeds import latest_deeds
from services.projections.queries.silence_board import silence_board, silent_now
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

_SHOWN = 50


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/silence")
    async def silence(
        request: Request,
        unit: Id | None = None,
        rep: Id | None = None,
        stage: Name | None = None,
        key_industry: bool | None = None,
        cursor: str | None = None,
        sort: Literal["", "-left", "stage", "-stage"] = "",
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(
            unit_id=unit,
            rep_id=rep,
            stage=stage,
            is_key=key_industry,
            limit=_SHOWN,
            cursor=cursor,
            order=sort,
            language=visit.words.language,
        )
        if as_file:
            return await _file(visit, question)
        board = await silence_board(ports.read_store, visit.asker, question)
        rows = await _shown(visit, board["rows"])
        return page(
            visit,
            "silence.html",
            title=visit.words.say("Silence"),
            crumbs=from_today(visit),
            question=question,
            total=board["total"],
            silent=await silent_now(ports.read_store, visit.asker, question),
            rows=rows,
            has_incomplete=any(row["incomplete"] for row in rows),
            next_cursor=board["next_cursor"],
            units=units_in_sight(visit, Resource.BOARDS),
            reps=_reps(visit, question),
        )

    return routes


async def _shown(visit: Visit, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what the customer is called and what was done last."""
    ids = [row["opportunity_id"] for row in rows]
    reads, asker = visit.ports.read_store, visit.asker
    deeds = await latest_deeds(reads, asker.tenant_id, ids, asker.clock)
    await visit.know_customers([row["customer_id"] for row in rows])
    titles = await action_titles(visit)
    for row in rows:
        deed = deeds[row["opportunity_id"]]
        row["last_deed"] = (
            titles.get(deed.action, deed.action)
            if deed.action
            else visit.words.say("stage entered")
        )
    return rows


def _reps(visit: Visit, question: Question) -> list[tuple[str, str]]:
    """Of the unit that is shown."""
    if not visit.asker.visibility(Resource.BOARDS).unit_ids and question.unit_id is None:
        return []
    return people_below(visit, visit.asker.unit(question))


async def _file(visit: Visit, question: Question) -> Response:
    say = visit.words.say
    columns = (
        *(say("Opportunity"), say("Customer"), say("Stage"), say("Amount"), say("Currency")),
        *(say("Owner"), say("Unit"), say("Last activity"), say("Hours left")),
        say("Incomplete"),
    )

    async def ask(cursor: str | None, limit: int) -> dict[str, Any]:
        following = replace(question, cursor=cursor, limit=limit)
        return await silence_board(visit.ports.read_store, visit.asker, following)

    async def lines(rows: list[dict[str, Any]]) -> Lines:
        await visit.know_customers([row["customer_id"] for row in rows])
        return [_line(visit, row) for row in rows]

    return await whole_file(visit, "silence", columns, every_page(ask), lines)


def _line(visit: Visit, row: Mapping[str, Any]) -> Sequence[object]:
    return (
        row["opportunity_id"],
        visit.customer(row["customer_id"]),
        visit.stage(row["stage"]),
        row["amount"],
        row["currency"],
        visit.person(row["owner_id"]),
        visit.unit(row["unit_id"]),
        visit.words.exact(row["last_activity_at"]),
        row["hours_left"],
        visit.words.say("an event is missing") if row["incomplete"] else "",
    )
