"""Leads from outside: a partner's program sends JSON, a web form what its visitor typed."""

from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from services.leads.api import intake_bodies as bodies
from services.leads.api.desk import Desk
from services.leads.api.intake_limits import IntakeLimits
from services.leads.api.lead_bodies import Source
from services.leads.domain.lead import LEAD
from services.leads.queries.leads import shown_state
from services.leads.taking_in import LeadFromOutside, TakingIn
from shared.access import Caller, Resource, Role, Verb, default_unit_id
from shared.command_handling import CommandContext, Handled
from shared.errors import DomainError, NotFound, NotYetKnown, Unauthenticated
from shared.http import BASE, Access, answering, command_response, happened_at

_WEB_FORM: Source = "web_form"
_MOST_FIELDS = 50
_ANSWERS = {
    200: ("Thank you: we have received your request.", "已收到您的信息，谢谢。"),
    413: ("That is too much text.", "内容过长。"),
    422: ("Please check what you have entered.", "请检查所填内容。"),
    429: ("Please try again in a few minutes.", "请稍后再试。"),
}


class IntakeWork:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ports = desk.ports
        self.limits = IntakeLimits(desk.ports.settings, desk.ports.clock)
        self._taking_in = TakingIn(desk.ports, desk.commands, desk.marking)

    async def take(
        self, caller: Caller, body: bodies.LeadFromPartner, context: CommandContext
    ) -> Handled[Any]:
        """In the unit of the key. The answer does not tell whether the customer was known."""
        lead_id = self.desk.given_id(context, "lead")
        telling = self._take(caller, lead_id, body, context)
        return await self.desk.answered(context, (LEAD, lead_id), telling)

    async def _take(
        self, caller: Caller, lead_id: str, body: bodies.LeadFromPartner, context: CommandContext
    ) -> Handled[Any]:
        organisation = await self.ports.organisations.of(caller.tenant_id)
        unit_id = default_unit_id(caller, organisation)
        if unit_id is None or not organisation.knows_unit(unit_id):
            raise NotYetKnown("the unit of this key is not known yet")
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        said = LeadFromOutside(
            lead_id=lead_id,
            new_customer_id=self.desk.given_id(context, "customer"),
            description=body.description(),
            source=body.source,
            fields=body.fields(),
            behaviours=tuple(body.behaviours),
            unit_id=unit_id,
            occurred_at=occurred_at,
        )
        context = replace(context, occurred_at=occurred_at)
        return await self._taking_in.take(said, context, answering(_receipt))


def _receipt(state: Any) -> dict[str, Any]:
    return {"lead_id": shown_state(state)["lead_id"]}


def router(work: IntakeWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["intake"])
    writing = access.may(Resource.INTAKE, Verb.WRITE)

    @routes.post("/intake/leads", status_code=201)
    async def take_lead_of_partner(
        request: Request, body: bodies.LeadFromPartner, caller: Caller = Depends(writing)
    ) -> Response:
        work.limits.weigh(await request.body())
        work.limits.count_key(caller.key_id or "")
        context = await work.desk.context(request, caller)
        handled = await work.take(caller, body, context)
        return await command_response(work.ports, handled, created=True)

    return routes


def forms_router(work: IntakeWork, access: Access) -> APIRouter:
    """Beside the API, since browsers post forms: the partner's key in the address of the form says
    for whom, and opens nothing else."""
    routes = APIRouter(tags=["intake"])

    @routes.post("/forms/{form_key}", include_in_schema=False)
    async def take_web_form(form_key: str, request: Request) -> Response:
        """Answers with fixed words only: nothing that was sent comes back."""
        try:
            await _take_form(work, access, form_key, request)
        except (Unauthenticated, NotFound):
            return Response(status_code=404)
        except ValidationError:
            return _page(422)
        except DomainError as refusal:
            return _page(refusal.status if refusal.status in _ANSWERS else 422)
        return _page(200)

    return routes


async def _take_form(work: IntakeWork, access: Access, form_key: str, request: Request) -> None:
    caller = await access.bearer_of(form_key)
    if caller.roles != {Role.PARTNER}:
        raise NotFound("this key is for no form")
    sent = await request.body()
    work.limits.weigh(sent)
    work.limits.count_address(request.client.host if request.client else "")
    work.limits.count_key(caller.key_id or "")
    form = bodies.WebForm.model_validate(_fields_of(sent))
    if form.website:
        return  # only a program fills in what nobody sees; it is told nothing of that
    context = await work.desk.context(request, caller)
    day = context.occurred_at.date().isoformat()
    context = replace(context, idempotency_key=f"form-{day}-{sha256(sent).hexdigest()}")
    await work.take(caller, form.lead(_WEB_FORM), context)


def _fields_of(sent: bytes) -> dict[str, str]:
    """What was typed, by field; fields that are no business of ours are left out."""
    try:
        pairs = parse_qsl(
            sent.decode(), max_num_fields=_MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError:
        return {"broken": ""}
    return {name: typed for name, typed in pairs if name in bodies.WebForm.model_fields}


def _page(status: int) -> Response:
    said = "".join(f"<p>{sentence}</p>" for sentence in _ANSWERS[status])
    headers = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}
    page = f'<!doctype html><meta charset="utf-8"><title>Pulsetrail</title>{said}'
    return Response(page, status, headers, media_type="text/html")
