"""The rules of health over HTTP (S2)."""

from fastapi import APIRouter, Depends, Request, Response

from services.scoring.api.rule_work import RulesBody, RuleWork, shown_book
from services.scoring.queries.health_scores import rule_book
from shared.access import Caller, Resource, Verb
from shared.http import BASE, Access, command_response, json_response

_PATH = "/health-rules"


def router(work: RuleWork, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["scores"])
    ports, desk = work.ports, work.desk
    reading = access.may(Resource.SETTINGS, Verb.READ)
    writing = access.may(Resource.SETTINGS, Verb.WRITE)

    @routes.get(_PATH, dependencies=[Depends(access.waited)])
    async def show_health_rules(caller: Caller = Depends(reading)) -> Response:
        """Those in force, those proposed, and what the proposed ones would change."""
        return json_response(shown_book(await rule_book(ports, caller.tenant_id)))

    @routes.post(f"{_PATH}/propose")
    async def propose_health_rules(
        request: Request, body: RulesBody, caller: Caller = Depends(writing)
    ) -> Response:
        """From now on they score beside those in force."""
        context = await desk.context(request, caller)
        return await command_response(ports, await work.propose(body, context))

    @routes.post(f"{_PATH}/compare")
    async def compare_health_rules(request: Request, caller: Caller = Depends(writing)) -> Response:
        """Everything that is scored now, by both."""
        context = await desk.context(request, caller)
        return await command_response(ports, await work.compare(caller, context))

    @routes.post(f"{_PATH}/take-effect")
    async def put_health_rules_into_effect(
        request: Request, caller: Caller = Depends(writing)
    ) -> Response:
        """Only after the comparison."""
        context = await desk.context(request, caller)
        return await command_response(ports, await work.take_effect(context))

    @routes.post(f"{_PATH}/withdraw")
    async def withdraw_health_rules(
        request: Request, caller: Caller = Depends(writing)
    ) -> Response:
        context = await desk.context(request, caller)
        return await command_response(ports, await work.withdraw(context))

    return routes
