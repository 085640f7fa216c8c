"""Opportunities over HTTP and as lines of POST /commands."""

from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Body as FromBody

from services.opportunities.api import bodies
from services.opportunities.api.action_work import ActionWork, ApprovalWork
from services.opportunities.api.batch import line, line_about
from services.opportunities.api.desk import Desk, Tell
from services.opportunities.api.opportunity_answers import (
    shown_action,
    shown_approvals,
    shown_opportunity,
)
from services.opportunities.api.opportunity_work import OpportunityWork
from services.opportunities.domain.opportunity_commands import (
    ChangeOpportunityFields,
    ChangeStage,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from shared.access import Caller, Resource, Verb
from shared.http import BASE, Access, Body, Id, command_response, json_response
from shared.service import BatchCommand

_O = Resource.OPPORTUNITIES
_A = Resource.ACTIONS
_V = Resource.APPROVALS


class Order(NamedTuple):
    """A command about one opportunity: `POST /opportunities/{id}/<name>`, or a line of a batch."""

    name: str
    resource: Resource
    body: type[Body]
    tell: Tell


def orders(desk: Desk) -> tuple[Order, ...]:
    work, actions, approvals = OpportunityWork(desk), ActionWork(desk), ApprovalWork(desk)
    return (
        Order("log-action", _A, bodies.NewAction, actions.log),
        Order("correct-action", _A, bodies.ActionCorrection, actions.correct),
        Order("void-action", _A, bodies.ActionVoiding, actions.void),
        Order("attach-evidence", _A, bodies.EvidenceAttachment, actions.attach),
        Order("change-stage", _O, bodies.StageChange, work.timed(ChangeStage)),
        Order("win", _O, bodies.Winning, work.timed(WinOpportunity)),
        Order("lose", _O, bodies.Losing, work.timed(LoseOpportunity)),
        Order("reopen", _O, bodies.Reopening, work.timed(ReopenOpportunity)),
        Order("assign", _O, bodies.Assignment, work.assign),
        Order("change-fields", _O, bodies.FieldsChange, work.timed(ChangeOpportunityFields)),
        Order("migrate", _O, bodies.Migration, work.migrate),
        Order("request-approval", _V, bodies.ApprovalRequest, approvals.request),
        Order("decide-approval", _V, bodies.ApprovalDecision, approvals.decide),
        Order("resubmit-approval", _V, bodies.ApprovalResubmission, approvals.resubmit),
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
        handled = await desk.answered(context, work.open(caller, body, context))
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
        _add_order(routes, desk, access, order)
    return routes


def _add_order(routes: APIRouter, desk: Desk, access: Access, order: Order) -> None:
    writing = access.may(order.resource, Verb.WRITE)
    may_be_left_out = not any(each.is_required() for each in order.body.model_fields.values())
    sent = FromBody(None) if may_be_left_out else FromBody()

    async def give_order(
        request: Request,
        opportunity_id: Id,
        body: Any = sent,
        caller: Caller = Depends(writing),
    ) -> Response:
        context = await desk.context(request, caller)
        said = order.body() if body is None else body
        telling = order.tell(caller, opportunity_id, said, context)
        handled = await desk.answered(context, telling, opportunity_id)
        return await command_response(desk.ports, handled)

    body_type: Any = order.body | None if may_be_left_out else order.body
    give_order.__annotations__["body"] = body_type
    give_order.__name__ = order.name.replace("-", "_")
    routes.post(f"/opportunities/{{opportunity_id}}/{order.name}")(give_order)


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    work = OpportunityWork(desk)
    return {
        "open-opportunity": line(desk, _O, bodies.NewOpportunity, work.open),
        **{
            order.name: line_about(desk, order.resource, order.body, order.tell)
            for order in orders(desk)
        },
    }
