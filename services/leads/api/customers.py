"""Customers over HTTP and as lines of POST /commands."""

from collections.abc import Mapping

from fastapi import APIRouter, Depends, Request, Response

from services.leads.api import customer_bodies as bodies
from services.leads.api.customer_work import CustomerWork
from services.leads.queries.customer_record import customer_record
from services.leads.queries.customers import customer, require_visible
from shared.access import Caller, Resource, Verb
from shared.batch_lines import line
from shared.http import BASE, Access, Id, command_response, json_response
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_C = Resource.CUSTOMERS


_KIND = Kind("/customers", "customer_id")


def orders(work: CustomerWork) -> tuple[Order, ...]:
    return (
        Order("describe", "describe-customer", _C, bodies.CustomerBody, work.describe),
        Order("merge", "merge-customer", _C, bodies.Merge, work.merge),
        Order("undo-merge", "undo-customer-merge", _C, bodies.MergeUndoing, work.undo_merge),
        Order("keep-apart", "keep-customers-apart", _C, bodies.KeepingApart, work.keep_apart),
    )


def router(work: CustomerWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["customers"])
    desk, ports = work.desk, work.ports
    reading, writing = access.may(_C, Verb.READ), access.may(_C, Verb.WRITE)

    @routes.get("/customers/{customer_id}", dependencies=[Depends(access.waited)])
    async def show_customer(customer_id: Id, caller: Caller = Depends(reading)) -> Response:
        await require_visible(ports, caller, customer_id, Verb.READ)
        version, shown = await customer(ports, caller.tenant_id, customer_id)
        return json_response(shown, headers={"ETag": f'"{version}"'})

    @routes.get("/customers/{customer_id}/record", dependencies=[Depends(access.waited)])
    async def show_record(customer_id: Id, caller: Caller = Depends(reading)) -> Response:
        """With the leads, opportunities and tickets of every id that names it."""
        await require_visible(ports, caller, customer_id, Verb.READ)
        return json_response(await customer_record(ports, caller, customer_id))

    @routes.post("/customers", status_code=201)
    async def register_customer(
        request: Request, body: bodies.NewCustomer, caller: Caller = Depends(writing)
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await work.register(caller, body, context)
        return await command_response(ports, handled, created=True)

    @routes.post("/customers/look-alikes")
    async def show_look_alikes(
        body: bodies.CustomerBody, caller: Caller = Depends(writing)
    ) -> Response:
        """Whom a description fits; nothing is written."""
        return json_response({"candidates": await work.look_alikes(caller, body)})

    @routes.post("/customers/search")
    async def search_customers(
        body: bodies.CustomerSearch, caller: Caller = Depends(reading)
    ) -> Response:
        """By name, phone, e-mail with name, or credit code; sent as a body, since addresses are
        kept by proxies."""
        return json_response({"rows": await work.search(caller, body)})

    for order in orders(work):
        add_order(routes, desk, access, _KIND, order)
    return routes


def batch_commands(work: CustomerWork) -> Mapping[str, BatchCommand]:
    return {
        "register-customer": line(_C, bodies.NewCustomer, work.register),
        **order_lines(_KIND, orders(work)),
    }
