"""Scores with their reasons over HTTP (S1, S2)."""

from fastapi import APIRouter, Depends, Response

from services.scoring.queries.score_explanations import lead_score, opportunity_score
from shared.access import Caller, Resource, Verb, visible_rows
from shared.http import BASE, Access, Id, json_response
from shared.ports import Ports


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["scores"], dependencies=[Depends(access.waited)])
    opportunities = access.may(Resource.OPPORTUNITIES, Verb.READ)
    leads = access.may(Resource.LEADS, Verb.READ)

    @routes.get("/opportunities/{opportunity_id}/score")
    async def show_opportunity_score(
        opportunity_id: Id, caller: Caller = Depends(opportunities)
    ) -> Response:
        """Health now and as last recorded, each contribution, what may be said next."""
        organisation = await ports.organisations.of(caller.tenant_id)
        seen = visible_rows(caller, organisation, Resource.OPPORTUNITIES)
        return json_response(await opportunity_score(ports, organisation, seen, opportunity_id))

    @routes.get("/leads/{lead_id}/score")
    async def show_lead_score(lead_id: Id, caller: Caller = Depends(leads)) -> Response:
        """How good it is, by the rules or by a model, and its health while somebody has it."""
        organisation = await ports.organisations.of(caller.tenant_id)
        seen = visible_rows(caller, organisation, Resource.LEADS)
        return json_response(await lead_score(ports, organisation, seen, lead_id))

    return routes
