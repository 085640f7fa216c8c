"""The timeline of an opportunity, lead, customer or rep: newest first, by day (P1)."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.pages.business_words import action_titles
from services.projections.pages.catalogue import message
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.tables import ROWS_AT_ONCE, Lines, whole_file
from services.projections.pages.timeline_words import Entry, entry_in_words, texts_of
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.silence_board import silence_of
from services.projections.queries.timelines import timeline, whole_timeline
from shared.access import Caller, Resource, Verb
from shared.event_log_api import shown
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_KINDS: Mapping[str, str] = {
    "opportunity": message("Opportunity of %(name)s"),
    "customer": message("Customer %(name)s"),
    "rep": "%(name)s",
    "lead": message("Lead %(name)s"),
}


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.TIMELINES, Verb.READ)

    @routes.get("/timelines/{kind}/{subject_id}")
    async def show_timeline(
        request: Request,
        kind: str,
        subject_id: Id,
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        subject = SubjectOfTimeline(kind, subject_id)
        if as_file:
            return await _file(visit, subject)
        question = Question(limit=_SHOWN, cursor=cursor, language=visit.words.language)
        found = await timeline(ports, visit.asker, subject, question, newest_first=True)
        titles = await action_titles(visit)
        entries = [entry_in_words(visit, row, titles) for row in found["rows"]]
        now = None
        if kind == "opportunity":
            now = await silence_of(ports.read_store, visit.asker, subject_id)
        customer_id = now["customer_id"] if now else _customer_id(subject, found["rows"])
        await visit.know_customers([customer_id])
        return page(
            visit,
            "timeline.html",
            title=_title(visit, subject, customer_id),
            crumbs=[Crumb("/silence", visit.words.say("Silence"))],
            subject=subject,
            now=now,
            days=_by_day(visit, entries),
            entries=entries,
            texts_before=await _texts_before(visit, entries),
            here={each.event_id for each in entries},
            next_cursor=found["next_cursor"],
            customer_id=customer_id,
        )

    return routes


def _customer_id(subject: SubjectOfTimeline, rows: Sequence[Mapping[str, Any]]) -> str | None:
    if subject.kind == "customer":
        return subject.subject_id
    named = (row["data"].get("customer_id") for row in rows)
    return next((each for each in named if each), None) if subject.kind != "rep" else None


def _title(visit: Visit, subject: SubjectOfTimeline, customer_id: str | None) -> str:
    if subject.kind == "rep":
        name = visit.person(subject.subject_id)
    else:
        name = visit.customer(customer_id) or subject.subject_id
    return visit.words.say(_KINDS[subject.kind], name=name)


async def _texts_before(visit: Visit, entries: Sequence[Entry]) -> Mapping[str, list[str]]:
    """What people wrote of the actions that were corrected, by event; these may stand on a page
    further back."""
    wanted = [UUID(each.corrects.event_id) for each in entries if each.corrects]
    stored = await visit.ports.event_store.find_events(wanted)
    events = await shown(visit.ports.codec, list(stored.values()))
    return {event["event_id"]: texts_of(event["data"]) for event in events}


def _by_day(visit: Visit, entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    days = groupby(entries, key=lambda each: visit.words.day(each.at))
    return [(day, list(of_day)) for day, of_day in days]


async def _file(visit: Visit, subject: SubjectOfTimeline) -> Response:
    say = visit.words.say
    columns = (say("When"), say("Who"), say("What"), say("Text"), say("Recorded later by"))
    titles = await action_titles(visit)

    async def lines(rows: list[dict[str, Any]]) -> Lines:
        entries = [entry_in_words(visit, row, titles) for row in rows]
        return [
            (visit.words.exact(each.at), each.actor, each.headline, " ".join(each.texts), each.late)
            for each in entries
        ]

    pages = whole_timeline(visit.ports, visit.asker, subject, ROWS_AT_ONCE)
    name = f"timeline-{subject.kind}-{subject.subject_id}"
    return await whole_file(visit, name, columns, pages, lines)
