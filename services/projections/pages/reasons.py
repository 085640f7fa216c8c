"""Why: of a signal, an escalation, an event, or of a figure on a board, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.projections.domain.why_figures import FIGURES_OF_BOARDS
from services.projections.pages.business_words import action_titles
from services.projections.pages.layout import Crumb, page
from services.projections.pages.navigation import ENTRIES
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.readable import readable
from services.projections.pages.timeline_words import headline_of
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question, funnel_nodes
from services.projections.queries.customer_names import customers_of, customers_of_leads
from services.projections.queries.explanations import why
from services.projections.queries.figure_explanations import why_on_board
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id, Name
from shared.ports import Ports

_SHOWN = 50


class ReasonFields(BaseModel):
    """Which figure of a board is meant: the row it stands in, as the board was asked for."""

    figure: Name | None = None
    unit: Id | None = None
    rep: Id | None = None
    stage: Name | None = None
    week: str | None = None
    month: str | None = None
    quarter: str | None = None
    opportunity: Id | None = None
    from_event: Annotated[str | None, Field(alias="from", max_length=120)] = None
    to_event: Annotated[str | None, Field(alias="to", max_length=120)] = None
    via: list[str] = Field(default_factory=list, max_length=20)
    pipeline: Name | None = None
    segment: Name | None = None

    def question(self, language: str) -> Question:
        return Question(
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            week=self.week,
            month=self.month,
            quarter=self.quarter,
            opportunity_id=self.opportunity,
            nodes=funnel_nodes(self.from_event, self.to_event, self.via),
            pipeline=self.pipeline,
            segment=self.segment,
            limit=_SHOWN,
            language=language,
        )


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.SIGNALS, Verb.READ)

    @routes.get("/why/{subject}")
    async def show_reason(
        request: Request,
        subject: Name,
        fields: Annotated[ReasonFields, Query()],
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        language = visit.words.language
        if subject not in FIGURES_OF_BOARDS:
            return await _page(visit, await why(ports, visit.asker, subject, language), None)
        asked = fields.figure or FIGURES_OF_BOARDS[subject][0]
        answer = await why_on_board(ports, visit.asker, subject, asked, fields.question(language))
        return await _page(visit, answer, subject)

    return routes


async def _page(visit: Visit, answer: dict[str, Any], board: str | None) -> Response:
    listed = _opportunities(answer)
    reads, tenant_id = visit.ports.read_store, visit.asker.tenant_id
    customers = await customers_of(reads, tenant_id, listed[:_SHOWN])
    leads = answer.get("leads", [])
    of_leads = await customers_of_leads(reads, tenant_id, leads[:_SHOWN])
    await visit.know_customers([*customers.values(), *of_leads.values()])
    titles = await action_titles(visit)
    crumbs = [Crumb("/silence", visit.words.say("Silence"))]
    named = next((each for each in ENTRIES if each.path == f"/{board}"), None)
    if named is not None:
        crumbs = [Crumb(named.path, visit.words.say(named.title))]
    return page(
        visit,
        "why.html",
        title=visit.words.say("Why?"),
        crumbs=crumbs,
        sentences=[readable(visit, each) for each in answer["sentences"]],
        subject_kind=answer.get("subject_kind"),
        subject_id=answer.get("subject_id"),
        opportunities=[(each, visit.customer(customers.get(each))) for each in listed[:_SHOWN]],
        opportunity_count=len(listed),
        leads=[(each, visit.customer(of_leads.get(each))) for each in leads[:_SHOWN]],
        lead_count=len(leads),
        events=[
            {
                "at": moment_said(event["occurred_at"]),
                "headline": headline_of(visit, event, titles),
                "place": _place_of(event),
                "event_id": event["event_id"],
            }
            for event in answer["events"][:_SHOWN]
        ],
        escalations=answer.get("escalations", []),
        settings=answer.get("settings", {}),
    )


def _opportunities(answer: Mapping[str, Any]) -> list[str]:
    """Each once, in the order they are told."""
    return list(dict.fromkeys(_named(answer)))


def _named(answer: Mapping[str, Any]) -> Iterator[str]:
    for part in (answer, *answer.get("rows", ())):
        for of_figure in part.get("behind", {}).values():
            yield from (each["opportunity_id"] for each in of_figure)
    for row in answer.get("rows", ()):
        if "opportunity_id" in row:
            yield row["opportunity_id"]
        if isinstance(row.get("opportunities"), list):
            yield from (each["opportunity_id"] for each in row["opportunities"])


def _place_of(event: Mapping[str, Any]) -> str | None:
    """Where the reader finds it among what happened before and after."""
    _tenant_id, kind, subject_id = event["stream"].split("/", 2)
    match kind:
        case "opportunity" | "lead" | "customer":
            return f"/timelines/{kind}/{subject_id}#event-{event['event_id']}"
        case "person":
            return f"/timelines/rep/{subject_id}#event-{event['event_id']}"
        case "escalation":
            return f"/escalations/{subject_id}"
        case _:
            return None
