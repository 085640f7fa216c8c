"""Opportunities over HTTP and as lines of POST /commands."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.opportunities.api import bodies, visit_bodies
from services.opportunities.api.action_work import ActionWork, ApprovalWork
from services.opportunities.api.desk import Desk
from services.opportunities.api.opportunity_answers import (
    shown_action,
    shown_approvals,
    shown_opportunity,
)
from services.opportunities.api.opportunity_work import OpportunityWork
from services.opportunities.api.visit_work import VisitWork
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    ChangeOpportunityFields,
    ChangeStage,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from shared.access import Caller, Resource, Verb
from shared.batch_lines import Tell, line
from shared.command_handling import CommandContext, Handled
from shared.http import BASE, Access, Body, Id, command_response, json_response
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_O = Resource.OPPORTUNITIES
_A = Resource.ACTIONS
_V = Resource.APPROVALS
_KIND = Kind("/opportunities", "opportunity_id")


def orders(desk: Desk) -> tuple[Order, ...]:
    work, actions, approvals = OpportunityWork(desk), ActionWork(desk), ApprovalWork(desk)
    visits = VisitWork(desk)

    def order(name: str, resource: Resource, body: type[Body], tell: Tell) -> Order:
        """Repeated under its key it is answered as the first time, whatever holds by now."""

        async def told(
            caller: Caller, opportunity_id: str, said: Any, context: CommandContext
        ) -> Handled[Any]:
            telling = tell(caller, opportunity_id, said, context)
            return await desk.answered(context, (OPPORTUNITY, opportunity_id), telling)

        return Order(name, name, resource, body, told)

    return (
        order("log-action", _A, bodies.NewAction, actions.log),
        order("correct-action", _A, bodies.ActionCorrection, actions.correct),
        order("void-action", _A, bodies.ActionVoiding, actions.void),
        order("attach-evidence", _A, bodies.EvidenceAttachment, actions.attach),
        order("start-visit", _A, visit_bodies.VisitStart, visits.start),
        order("fill-visit", _A, visit_bodies.VisitFilling, visits.fill),
        order("book-next-action", _A, visit_bodies.VisitBooking, visits.book),
        order("summarise-visit", _A, visit_bodies.VisitSummary, visits.summarise),
        order("pass-on-visit", _A, visit_bodies.VisitPassing, visits.pass_on),
        order("change-stage", _O, bodies.StageChange, work.timed(ChangeStage)),
        order("win", _O, bodies.Winning, work.timed(WinOpportunity)),
        order("lose", _O, bodies.Losing, work.timed(LoseOpportunity)),
        order("reopen", _O, bodies.Reopening, work.timed(ReopenOpportunity)),
        order("assign", _O, bodies.Assignment, work.assign),
        order("change-fields", _O, bodies.FieldsChange, work.timed(ChangeOpportunityFields)),
        order("migrate", _O, bodies.Migration, work.migrate),
        order("request-approval", _V, bodies.ApprovalRequest, approvals.request),
        order("decide-approval", _V, bodies.ApprovalDecision, approvals.decide),
        order("resubmit-approval", _V, bodies.ApprovalResubmission, approvals.resubmit),
    )


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["opportunities"])
    work = OpportunityWork(desk)
    reading = access.may(_O, Verb.READ)
    writing = access.may(_O, Verb.WRITE)

    @routes.post("/opportunities", status_code=201)
    async def open_opportunity(
        request: Request,
        body: bodies.NewOpportunity,
        caller: Caller = Depends(writing),
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await work.open(caller, body, context)
        return await command_response(desk.ports, handled, created=True)

    @routes.get("/opportunities/{opportunity_id}", dependencies=[Depends(access.waited)])
    async def show_opportunity(opportunity_id: Id, caller: Caller = Depends(reading)) -> Response:
        version, known = await desk.seen(caller, opportunity_id, _O, Verb.READ)
        shown = {
            **shown_opportunity(known),
            "fields": {**known.situation.fields, **await desk.texts(caller.tenant_id, known)},
            "version": version,
            "actions": [shown_action(known, action_id) for action_id in known.actions],
            "approvals": shown_approvals(known),
        }
        return json_response(shown, headers={"ETag": f'"{version}"'})

    for order in orders(desk):
        add_order(routes, desk, access, _KIND, order)
    return routes


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    return {
        "open-opportunity": line(_O, bodies.NewOpportunity, OpportunityWork(desk).open),
        **order_lines(_KIND, orders(desk)),
    }
