"""Leads: a rep's inbox with the time left, who waits for a rep, what is appealed (L4-L6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.pages.catalogue import message
from services.projections.pages.choices import people_below, units_in_sight
from services.projections.pages.layout import from_today, page
from services.projections.pages.lead_words import STATES, next_deed, said
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.tables import Lines, every_page, whole_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_OPEN = ("assigned", "contacted", "qualified")
_STATES: Mapping[str, str] = {
    "waiting": message("wait for a rep"),
    "appealed": message("appealed"),
    **{each: STATES[each] for each in ("returned", "converted", "disqualified")},
}
_BOARDS = {"waiting": "/boards/waiting-leads", "appealed": "/boards/appeals"}
Sort = Literal["", "-status", "captured", "-captured"]
"""The empty text: by state, and of one state those with the least time left first."""
State = Literal["waiting", "appealed", "returned", "converted", "disqualified"]
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.LEADS, Verb.READ)

    @routes.get("/leads")
    async def leads(
        request: Request,
        state: State | None = None,
        unit: Id | None = None,
        rep: Id | None = None,
        sort: Sort = "",
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        asked = {"unit": unit, "rep": rep, "sort": sort or "status"}
        if as_file:
            return await _file(visit, state, asked)
        found = await _found(visit, state, {**asked, "cursor": cursor, "limit": str(_SHOWN)})
        rows = await shown_leads(visit, found["rows"])
        return page(
            visit,
            "leads.html",
            title=visit.words.say("Leads"),
            crumbs=from_today(visit),
            rows=rows,
            next_cursor=found["next_cursor"],
            state=state,
            states=[(each, said(visit, _STATES, each)) for each in _STATES],
            unit=unit,
            rep=rep,
            order=sort,
            has_incomplete=any(row["incomplete"] for row in rows),
            units=units_in_sight(visit, Resource.LEADS),
            reps=_reps(visit, unit),
            unanswered=_unanswered(rows),
            others=await _others(visit) if state is None else [],
            in_working_days=bool(
                visit.organisation.setting("lead_score_in_business_time", visit.asker.clock)
            ),
        )

    return routes


async def _found(
    visit: Visit, state: str | None, asked: Mapping[str, str | None]
) -> dict[str, Any]:
    query = [(name, value) for name, value in asked.items() if value is not None]
    if state in _BOARDS:
        return await visit.api.get(_BOARDS[state], query)
    names = {"unit": "unit_id", "rep": "owner_id"}
    query = [(names.get(name, name), value) for name, value in query]
    statuses = _OPEN if state is None else (state,)
    return await visit.api.get("/leads", [*query, *(("status", each) for each in statuses)])


async def shown_leads(visit: Visit, rows: Sequence[Row]) -> list[Row]:
    """With the hours left and what to do about each."""
    await visit.know_customers([row["customer_id"] for row in rows])
    return [_shown(visit, row) for row in rows]


def _unanswered(rows: Sequence[Row]) -> list[Row]:
    """Who wait for their first response, what is due first on top."""
    waiting = [row for row in rows if row["status"] == "assigned" and row["due_at"]]
    return sorted(waiting, key=itemgetter("due_at"))


def _shown(visit: Visit, row: Row) -> Row:
    due_at = moment_said(row["contact_due_at"]) if row["contact_due_at"] else None
    hours = (due_at - visit.asker.clock).total_seconds() / 3600 if due_at else None
    return {
        **row,
        "due_at": due_at,
        "hours_left": hours,
        "captured_at": moment_said(row["captured_at"]),
        "waits_since": _waits_since(row),
        "deed": next_deed(visit, row, hours),
        "status_named": said(visit, STATES, row["status"]),
    }


def _waits_since(row: Row) -> datetime | None:
    """For a rep, or for the manager's word."""
    if row["status"] == "captured":
        return moment_said(row["captured_at"])
    return moment_said(row["appealed_at"]) if row["appealed_at"] else None


async def _others(visit: Visit) -> list[tuple[str, int, bool]]:
    """What else waits for somebody: the state, how many, and whether there are more."""
    found = []
    for state, path in _BOARDS.items():
        answer = await visit.api.get(path, [("limit", str(_SHOWN))])
        if answer["rows"]:
            found.append((state, len(answer["rows"]), answer["next_cursor"] is not None))
    return found


def _reps(visit: Visit, unit: str | None) -> list[tuple[str, str]]:
    """Of the unit that is shown; of everybody there would be too many."""
    seen = visit.asker.visibility(Resource.LEADS)
    if unit is not None and (seen.everything or unit in seen.unit_ids):
        return people_below(visit, unit)
    granted = [each.unit_id for each in visit.caller.grants if each.unit_id in seen.unit_ids]
    return list(dict.fromkeys(each for below in granted for each in people_below(visit, below)))


async def _file(visit: Visit, state: str | None, asked: Mapping[str, str | None]) -> Response:
    say = visit.words.say
    columns = (
        *(say("Lead"), say("Customer"), say("State"), say("Hours left"), say("Next step")),
        *(say("Score"), say("Owner"), say("Unit"), say("Captured")),
        say("Incomplete"),
    )

    async def ask(cursor: str | None, limit: int) -> Row:
        return await _found(visit, state, {**asked, "cursor": cursor, "limit": str(limit)})

    async def lines(rows: list[Row]) -> Lines:
        return [_line(visit, row) for row in await shown_leads(visit, rows)]

    return await whole_file(visit, "leads", columns, every_page(ask), lines)


def _line(visit: Visit, row: Row) -> Sequence[object]:
    return (
        row["lead_id"],
        visit.customer(row["customer_id"]),
        row["status_named"],
        row["hours_left"],
        row["deed"],
        row["score"]["total"],
        visit.person(row["owner_id"]),
        visit.unit(row["unit_id"]),
        visit.words.exact(row["captured_at"]),
        visit.words.say("an event is missing") if row["incomplete"] else "",
    )
