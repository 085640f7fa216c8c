"""Silence: every open opportunity with the hours left, worst first (P2)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.pages.business_words import action_titles
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.latest_deeds import latest_deeds
from services.projections.queries.silence_board import silence_board, silent_now
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

_SHOWN = 50
_IN_A_FILE = 10_000


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
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        question = Question(
            unit_id=unit,
            rep_id=rep,
            stage=stage,
            is_key=key_industry,
            limit=_IN_A_FILE if as_file else _SHOWN,
            cursor=cursor,
            language=visit.words.language,
        )
        board = await silence_board(ports.read_store, visit.asker, question)
        rows = await _shown(visit, board["rows"])
        if as_file:
            return _file(visit, rows)
        return page(
            visit,
            "silence.html",
            title=visit.words.say("Silence"),
            crumbs=[Crumb("/", visit.words.say("Today"))],
            question=question,
            total=board["total"],
            silent=await silent_now(ports.read_store, visit.asker, question),
            rows=rows,
            next_cursor=board["next_cursor"],
            units=_units(visit),
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


def _units(visit: Visit) -> list[tuple[str, str]]:
    """Those in sight, as a tree from the top, to choose from."""
    organisation, seen = visit.organisation, visit.asker.visibility(Resource.BOARDS)
    found: list[tuple[str, str]] = []

    def add(unit_id: str, depth: int) -> None:
        is_seen = seen.everything or unit_id in seen.unit_ids
        if is_seen:
            found.append((unit_id, "\u2003" * depth + visit.unit(unit_id)))
        for child in organisation.children(unit_id):
            add(child, depth + 1 if is_seen else depth)

    if organisation.root_id is not None:
        add(organisation.root_id, 0)
    return found


def _reps(visit: Visit, question: Question) -> list[tuple[str, str]]:
    """Of the unit that is shown."""
    if not visit.asker.visibility(Resource.BOARDS).unit_ids and question.unit_id is None:
        return []
    organisation = visit.organisation
    below = organisation.subtree(visit.asker.unit(question))
    people = [person for unit in sorted(below) for person in organisation.people_in(unit)]
    return [(each, visit.person(each)) for each in people if not organisation.has_left(each)]


def _file(visit: Visit, rows: list[dict[str, Any]]) -> Response:
    say = visit.words.say
    columns = (
        *(say("Opportunity"), say("Customer"), say("Stage"), say("Amount"), say("Currency")),
        *(say("Owner"), say("Unit"), say("Last activity"), say("Hours left")),
    )
    table = [
        (
            row["opportunity_id"],
            visit.customer(row["customer_id"]),
            visit.stage(row["stage"]),
            row["amount"],
            row["currency"],
            visit.person(row["owner_id"]),
            visit.unit(row["unit_id"]),
            visit.words.exact(row["last_activity_at"]),
            row["hours_left"],
        )
        for row in rows
    ]
    return csv_file("silence", columns, table)
