"""Cases of doubted records over HTTP: listed, shown with their proof, decided (S4)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict

from services.scoring.api.case_work import CaseDecision, CaseWork
from services.scoring.queries.cases import (
    After,
    CaseFilter,
    case_page,
    one_case,
    rules_shown,
    shown_whole,
)
from shared.access import Caller, Resource, Verb, visible_rows
from shared.errors import FieldProblem, Malformed
from shared.http import BASE, Access, Id, Name, json_response
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.service import BatchCommand

_A = Resource.AUTHENTICITY
_KIND = Kind("/authenticity-cases", "case_id")


class CaseFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "genuine", "false"] | None = None
    rule: Name | None = None
    rep: Id | None = None
    unit: Id | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str, Query(max_length=100)] | None = None


def orders(work: CaseWork) -> tuple[Order, ...]:
    return (Order("decide", "decide-authenticity-case", _A, CaseDecision, work.decide),)


def router(work: CaseWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["authenticity"])
    ports = work.ports
    reading = access.may(_A, Verb.READ)

    @routes.get("/authenticity-cases", dependencies=[Depends(access.waited)])
    async def show_cases(
        fields: Annotated[CaseFields, Query()], caller: Caller = Depends(reading)
    ) -> Response:
        """The latest first."""
        organisation = await ports.organisations.of(caller.tenant_id)
        seen = visible_rows(caller, organisation, _A)
        wanted = CaseFilter(fields.state, fields.rule, fields.rep, fields.unit)
        rows, after = await case_page(
            ports, organisation, seen, wanted, _after(fields.cursor), fields.limit
        )
        cursor = None if after is None else f"{after[0]}_{after[1]}"
        return json_response({"rows": rows, "next_cursor": cursor})

    @routes.get("/authenticity-cases/{case_id}", dependencies=[Depends(access.waited)])
    async def show_case(case_id: Id, caller: Caller = Depends(reading)) -> Response:
        """With the records that prove it."""
        organisation = await ports.organisations.of(caller.tenant_id)
        seen = visible_rows(caller, organisation, _A)
        case = await one_case(ports, organisation, seen, case_id)
        return json_response(await shown_whole(ports, organisation, case))

    @routes.get("/authenticity-rules", dependencies=[Depends(access.waited)])
    async def show_rules(caller: Caller = Depends(reading)) -> Response:
        """How often each rule was right, over the whole tenant."""
        return json_response({"rows": await rules_shown(ports, caller.tenant_id)})

    for order in orders(work):
        add_order(routes, work.desk, access, _KIND, order)
    return routes


def batch_commands(work: CaseWork) -> Mapping[str, BatchCommand]:
    return order_lines(_KIND, orders(work))


def _after(cursor: str | None) -> After | None:
    if cursor is None:
        return None
    opened_at, _, case_id = cursor.partition("_")
    if not opened_at.isascii() or not opened_at.isdigit() or len(opened_at) > 15:
        raise Malformed("cursor", errors=[FieldProblem("cursor", "cursor", "is none of ours")])
    return int(opened_at), case_id
