"""Customers over HTTP: registered, described, looked at."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StringConstraints, ValidationError

from services.leads.domain.customer import (
    CUSTOMER,
    Customer,
    CustomerCommand,
    CustomerDescription,
    DescribeCustomer,
    RegisterCustomer,
    Unconfirmed,
)
from services.leads.queries import customer, require_visible
from shared.access import Caller, Resource, Verb, may
from shared.clock import to_milliseconds
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, Malformed
from shared.events.leads import Contact
from shared.http import (
    BASE,
    Access,
    Body,
    Id,
    Name,
    Times,
    When,
    answering,
    command_context,
    command_digest,
    command_response,
    field_problems,
    json_response,
)
from shared.ports import Ports
from shared.service import BatchCommand

LOG_NAME = "leads"

LongName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
B = TypeVar("B", bound=Body)


class ContactBody(Body):
    contact_id: Id
    name: LongName
    role: Name | None = None
    phone: Name | None = None
    email: LongName | None = None


class CustomerBody(Body):
    """The whole description as it is to stand."""

    name: LongName | None = None
    customer_type: Name | None = None
    industry: Name | None = None
    is_key: bool = False
    contacts: list[ContactBody] = Field(default_factory=list, max_length=200)

    def description(self) -> CustomerDescription:
        return CustomerDescription(
            name=self.name,
            customer_type=self.customer_type,
            industry=self.industry,
            is_key=self.is_key,
            contacts=tuple(Contact(**each.model_dump()) for each in self.contacts),
        )


class NewCustomer(CustomerBody):
    customer_id: Id | None = None
    occurred_at: When | None = None


class NamedCustomer(CustomerBody):
    """A description as a line of POST /commands."""

    customer_id: Id


class CustomerDesk:
    """Bodies to commands. Answers are stored: they hold no personal data."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.commands = ports.commands(LOG_NAME)

    async def register(
        self, _caller: Caller, body: NewCustomer, context: CommandContext
    ) -> Handled[Any]:
        now = self.ports.clock()
        occurred_at = now if body.occurred_at is None else to_milliseconds(body.occurred_at)
        if occurred_at > now:
            problem = FieldProblem("occurred_at", "in-the-future", "must have happened")
            raise Malformed("occurred_at lies ahead", errors=[problem])
        command = RegisterCustomer(
            customer_id=body.customer_id or self._given_id(context),
            description=body.description(),
            occurred_at=occurred_at,
            now=now,
        )
        return await self._handle(command, replace(context, occurred_at=occurred_at))

    async def describe(
        self, caller: Caller, customer_id: str, body: CustomerBody, context: CommandContext
    ) -> Handled[Any]:
        await require_visible(self.ports, caller, customer_id, Verb.WRITE)
        command = DescribeCustomer(
            customer_id=customer_id, description=body.description(), now=self.ports.clock()
        )
        return await self._handle(command, context)

    async def _handle(self, command: CustomerCommand, context: CommandContext) -> Handled[Any]:
        customer_id = command.customer_id

        def render(state: Customer) -> Mapping[str, Any]:
            return {"customer_id": customer_id, "confirmed": not isinstance(state, Unconfirmed)}

        return await self.commands.handle(
            CUSTOMER, customer_id, command, context, answering(render)
        )

    def _given_id(self, context: CommandContext) -> str:
        if context.idempotency_key is None:
            return str(self.ports.new_id())
        return context.given_id("customer")


def router(desk: CustomerDesk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["customers"])
    reading = access.may(Resource.CUSTOMERS, Verb.READ)
    writing = access.may(Resource.CUSTOMERS, Verb.WRITE)

    @routes.get("/customers/{customer_id}", dependencies=[Depends(access.waited)])
    async def show_customer(customer_id: Id, caller: Caller = Depends(reading)) -> Response:
        await require_visible(desk.ports, caller, customer_id, Verb.READ)
        version, shown = await customer(desk.ports, caller.tenant_id, customer_id)
        return json_response(shown, headers={"ETag": f'"{version}"'})

    @routes.post("/customers", status_code=201)
    async def register_customer(
        request: Request, body: NewCustomer, caller: Caller = Depends(writing)
    ) -> Response:
        context = await _context(desk, request, caller)
        handled = await desk.register(caller, body, context)
        return await command_response(desk.ports, handled, created=True)

    @routes.post("/customers/{customer_id}/describe")
    async def describe_customer(
        request: Request, customer_id: Id, body: CustomerBody, caller: Caller = Depends(writing)
    ) -> Response:
        context = await _context(desk, request, caller)
        handled = await desk.describe(caller, customer_id, body, context)
        return await command_response(desk.ports, handled)

    return routes


def batch_commands(desk: CustomerDesk) -> dict[str, BatchCommand]:
    async def register(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller)
        return await desk.register(caller, _parsed(NewCustomer, fields), context)

    async def describe(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        _permit(caller)
        body = _parsed(NamedCustomer, fields)
        return await desk.describe(caller, body.customer_id, body, context)

    return {"register-customer": register, "describe-customer": describe}


async def _context(desk: CustomerDesk, request: Request, caller: Caller) -> CommandContext:
    digest = command_digest(request.url.path, await request.body())
    return command_context(request, caller, digest, Times(desk.ports.clock()))


def _permit(caller: Caller) -> None:
    if not may(caller, Resource.CUSTOMERS, Verb.WRITE):
        raise Forbidden(f"your role may not write {Resource.CUSTOMERS}")


def _parsed(body: type[B], fields: Mapping[str, Any]) -> B:
    try:
        return body.model_validate(fields)
    except ValidationError as flaw:
        raise Malformed("the command does not fit", errors=field_problems(flaw.errors())) from flaw
