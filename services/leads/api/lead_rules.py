"""The rules of lead scores beside others, before those go live, over HTTP (S1)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.leads.api.desk import Desk
from services.leads.queries.rule_comparison import compared_rules, told_settings
from shared.access import Caller, Resource, Verb
from shared.http import BASE, Access, json_response

_AT_MOST = 100
Wanted = Annotated[list[str], Query(alias="set", max_length=_AT_MOST)]


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    changing = access.may(Resource.SETTINGS, Verb.WRITE)

    @routes.get("/lead-rules/comparison", dependencies=[Depends(access.waited)])
    async def compare_lead_rules(
        wanted: Wanted = [],  # noqa: B006  # never changed
        caller: Caller = Depends(changing),
    ) -> Response:
        """`set=NAME=VALUE` for each rule that is to be another; none: those that are announced."""
        organisation = await desk.organisation(caller)
        settings = told_settings(wanted)
        return json_response(await compared_rules(desk.ports, organisation, settings))

    return routes
