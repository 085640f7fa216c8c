"""Notification policies as sentences, who would be told, how well channels deliver (N2, N5)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from services.projections.pages.forms import own_form
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.policy_words import policy_in_words, policy_title, remarks_on
from services.projections.pages.setup_words import (
    channel_in_words,
    level_of,
    listed,
    outcome_in_words,
    state_of_message,
)
from services.projections.pages.tables import Lines, csv_file, every_page, whole_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.pages.who_is_told import Supposition, who_is_told
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

_SHOWN = 50
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.POLICIES, Verb.READ)
    writing = access.may(Resource.POLICIES, Verb.WRITE)
    reading_escalations = access.may(Resource.ESCALATIONS, Verb.READ)

    @routes.get("/policies")
    async def show_policies(
        request: Request,
        supposition: Supposition = Depends(),
        tested: Id | None = None,
        outcome: Name | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        of: Literal["channels", "policies"] = "channels",
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        policies = [_shown(visit, row) for row in (await visit.api.get("/policies"))["rows"]]
        channels = (await visit.api.get("/channels"))["rows"]
        for row in channels:
            row["named"] = channel_in_words(visit, row["kind"])
        if as_file:
            return _file(visit, channels) if of == "channels" else _policies_file(visit, policies)
        return page(
            visit,
            "policies.html",
            title=visit.words.say("Notification policies"),
            policies=policies,
            channels=channels,
            failing=sum(row["alert"] for row in channels),
            tested=tested,
            outcome=outcome_in_words(visit, outcome),
            outcome_level=level_of(outcome),
            may_write=visit.may(Resource.POLICIES, Verb.WRITE),
            told=await who_is_told(visit, "/policy-preview", supposition),
        )

    @routes.post("/policies/test/{channel_id}")
    async def test_channel(
        request: Request,
        channel_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        answer = (await visit.api.post(f"/channels/{channel_id}/test", {})).json()
        came_of_it = answer["outcome"] or "unknown"
        there = f"/policies?tested={channel_id}&outcome={came_of_it}#channels"
        return RedirectResponse(there, status_code=303)

    @routes.get("/sent")
    async def everything_sent(
        request: Request,
        person: Id | None = None,
        channel: Id | None = None,
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        asked = {"person": person, "channel": channel}
        if as_file:
            return await _sent_file(visit, asked)
        found = await _sent(visit, {**asked, "cursor": cursor, "limit": str(_SHOWN)})
        rows = [_message(visit, row) for row in found["rows"]]
        return page(
            visit,
            "sent.html",
            title=visit.words.say("Everything that was sent"),
            crumbs=[Crumb("/policies", visit.words.say("Notification policies"))],
            rows=rows,
            has_failed=any(_is_bad(row) for row in rows),
            person=person,
            channel=channel,
            people=_people(visit),
            channels=[row["channel_id"] for row in (await visit.api.get("/channels"))["rows"]],
            next_cursor=found["next_cursor"],
        )

    @routes.get("/who-is-told")
    async def who_would_be_told(
        request: Request,
        supposition: Supposition = Depends(),
        caller: Caller = Depends(reading_escalations),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return page(
            visit,
            "who_is_told.html",
            title=visit.words.say("Who would be told when"),
            crumbs=[Crumb("/escalations", visit.words.say("Escalations"))],
            told=await who_is_told(visit, "/escalation-preview", supposition),
        )

    return routes


def _shown(visit: Visit, policy: Row) -> Row:
    return {
        "name": policy["name"],
        "title": policy_title(visit, policy),
        "sentence": policy_in_words(visit, policy),
        "remarks": remarks_on(visit, policy),
    }


async def _sent(visit: Visit, asked: Mapping[str, str | None]) -> Row:
    return await visit.api.get("/sent", [(name, value) for name, value in asked.items() if value])


def _is_bad(row: Row) -> bool:
    return "over" in (row["level"], *(each["level"] for each in row["attempts"]))


def _people(visit: Visit) -> list[tuple[str, str]]:
    people = [(each, visit.person(each)) for each in visit.organisation.people]
    return sorted(people, key=lambda each: each[1])


def _message(visit: Visit, row: Row) -> Row:
    """`what` is told to auditors only."""
    attempts = [
        {
            "channel": channel_in_words(visit, each["channel"]),
            "at": moment_said(each["started_at"]),
            "outcome": outcome_in_words(visit, each["outcome"]),
            "level": level_of(each["outcome"]),
            "detail": each["detail"] or "",
        }
        for each in row["attempts"]
    ]
    return {
        "message_id": row["message_id"],
        "to": visit.person(row["person_id"]) if row["person_id"] else "",
        "at": moment_said(row["queued_at"]),
        "state": state_of_message(visit, row["state"]),
        "level": level_of(row["state"]),
        "channels": listed(visit, [channel_in_words(visit, each) for each in row["channels"]]),
        "attempts": attempts,
        "what": row["title"] if isinstance(row.get("title"), str) else "",
    }


def _file(visit: Visit, channels: Sequence[Row]) -> Response:
    say = visit.words.say
    columns = (say("Channel"), say("Id"), say("Unit"), say("Attempts"), say("Delivered"))
    figures = ("attempts_24h", "delivery_rate_24h")
    table = [
        (row["named"], row["channel_id"], visit.unit(row["unit_id"]), *map(row.get, figures))
        for row in channels
    ]
    return csv_file("channels", columns, table)


def _policies_file(visit: Visit, policies: Sequence[Row]) -> Response:
    say = visit.words.say
    columns = (say("Id"), say("Notification policy"), say("What applies"), say("Text"))
    table = [
        (row["name"], row["title"], row["sentence"], " ".join(row["remarks"])) for row in policies
    ]
    return csv_file("policies", columns, table)


async def _sent_file(visit: Visit, asked: Mapping[str, str | None]) -> Response:
    say = visit.words.say
    columns = (say("When"), say("To whom"), say("Channels"), say("State"), say("Attempts"))

    async def ask(cursor: str | None, limit: int) -> Row:
        return await _sent(visit, {**asked, "cursor": cursor, "limit": str(limit)})

    async def lines(rows: list[Row]) -> Lines:
        return [_line(visit, _message(visit, row)) for row in rows]

    return await whole_file(visit, "sent", columns, every_page(ask), lines)


def _line(visit: Visit, row: Row) -> Sequence[object]:
    attempts = [f"{each['channel']} {each['outcome']}" for each in row["attempts"]]
    when = visit.words.exact(row["at"])
    return when, row["to"], row["channels"], row["state"], listed(visit, attempts)
