"""Escalation policies over HTTP (N2)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from services.notifications.api.desk import Desk
from services.notifications.api.on_call import drafted_preview
from services.notifications.channels.table import NAMES_IN_POLICIES
from services.notifications.domain.policy import (
    POLICIES,
    Policies,
    RemovePolicy,
    SetPolicy,
    policy_problems,
)
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from shared.access import Caller, Resource, Verb
from shared.errors import NotFound
from shared.events.notifications import PolicyDefinition, PolicyStep
from shared.http import BASE, Body, Id, Name, command_response, json_response

Seconds = Annotated[int, Field(ge=0, le=2**31)]


class StepBody(Body):
    after_seconds: Seconds
    to: Name
    channels: Annotated[tuple[Name, ...], Field(max_length=20)] = ("inbox",)
    in_business_hours: bool = False


class PolicyBody(Body):
    name: Name
    rules: Annotated[tuple[Name, ...], Field(max_length=100)]
    steps: Annotated[tuple[StepBody, ...], Field(max_length=50)]
    repeat_seconds: Seconds | None = None
    repeat_limit: Seconds | None = None
    group_seconds: Seconds = 60
    quiet_hours: tuple[Name, Name] | None = ("21:00", "08:00")
    expires_seconds: Seconds = 7 * 24 * 3600
    title: Annotated[dict[Name, Name], Field(max_length=10)] = Field(default_factory=dict)

    def definition(self) -> PolicyDefinition:
        steps = tuple(PolicyStep(**step.model_dump()) for step in self.steps)
        others = self.model_dump(exclude={"steps", "owner"})
        return PolicyDefinition(**others, steps=steps)


class DraftBody(PolicyBody):
    """`owner`: of whose things one asks who would be told."""

    owner: Id | None = None


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["policies"])
    reading = desk.access.may(Resource.POLICIES, Verb.READ)
    writing = desk.access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/policies")
    async def list_policies(caller: Caller = Depends(reading)) -> Response:
        """The one set last stands last; it wins where two name the same rule."""
        policies = await desk.choices.policies(caller.tenant_id)
        return json_response({"rows": [msgspec.to_builtins(each) for each in _in_order(policies)]})

    @routes.get("/policies/{name}")
    async def show_policy(name: Id, caller: Caller = Depends(reading)) -> Response:
        policies = await desk.choices.policies(caller.tenant_id)
        if name not in policies.by_name:
            raise NotFound(name)
        return json_response(msgspec.to_builtins(policies.by_name[name]))

    @routes.post("/policies")
    async def set_policy(
        request: Request, body: PolicyBody, caller: Caller = Depends(writing)
    ) -> Response:
        command = SetPolicy(
            policy=body.definition(), channels=NAMES_IN_POLICIES, now=desk.ports.clock()
        )
        return await _answered(desk, request, caller, command)

    @routes.post("/policies/check")
    async def check_policy(body: DraftBody, caller: Caller = Depends(writing)) -> Response:
        """What is wrong with a draft; of one that can be followed, who would be told now."""
        policy = body.definition()
        problems = [asdict(each) for each in policy_problems(policy, NAMES_IN_POLICIES)]
        asked = body.owner is not None and not problems
        steps = await drafted_preview(desk, caller, policy, str(body.owner)) if asked else []
        return json_response({"errors": problems, "rows": steps})

    @routes.post("/policies/{name}/remove")
    async def remove_policy(
        request: Request, name: Id, caller: Caller = Depends(writing)
    ) -> Response:
        return await _answered(
            desk, request, caller, RemovePolicy(name=name, now=desk.ports.clock())
        )

    return routes


async def _answered(
    desk: Desk, request: Request, caller: Caller, command: SetPolicy | RemovePolicy
) -> Response:
    context = await desk.context(request, caller)
    handled = await desk.handle(POLICIES, ONE_PER_TENANT, command, context, _document)
    return await command_response(desk.ports, handled)


def _document(policies: Policies) -> Mapping[str, Any]:
    return {"policies": list(policies.by_name)}


def _in_order(policies: Policies) -> list[PolicyDefinition]:
    return list(policies.by_name.values())
