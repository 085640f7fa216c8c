"""Who would be told when, and everything that was sent (N2, N5)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.notifications.api.desk import Desk
from services.notifications.api.inbox import delivery_document
from services.notifications.domain.escalation_preview import Supposed, foreseen
from services.notifications.queries.escalations import working_time_of
from services.notifications.queries.messages import everything_sent, texts_of
from services.notifications.queries.pages import parsed_cursor
from shared.access import Caller, Resource, Verb, visible_rows
from shared.errors import NotFound
from shared.events.notifications import PolicyDefinition
from shared.http import BASE, Id, Name, json_response

Limit = Annotated[int, Query(ge=1, le=500)]
_ESCALATIONS = Resource.ESCALATIONS


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["on-call"])
    reading = desk.access.may(_ESCALATIONS, Verb.READ)
    administering = desk.access.may(Resource.POLICIES, Verb.READ)

    @routes.get("/escalation-preview")
    async def preview_escalation(
        rule: Name = "stalled",
        owner: Id | None = None,
        unit: Id | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        """If this fell due now, who would be told when; `unit` is by default the owner's."""
        return json_response(await _preview(desk, caller, _ESCALATIONS, rule, owner, unit))

    @routes.get("/policy-preview")
    async def preview_policy(
        rule: Name = "stalled",
        owner: Id | None = None,
        unit: Id | None = None,
        caller: Caller = Depends(administering),
    ) -> Response:
        """The same for whoever sets the policies, and sees no escalation."""
        return json_response(await _preview(desk, caller, Resource.POLICIES, rule, owner, unit))

    @routes.get("/sent", dependencies=[Depends(desk.access.waited)])
    async def list_sent(
        caller: Caller = Depends(administering),
        person: Id | None = None,
        channel: Id | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Response:
        """Every message with its attempts, the latest first; what it said to auditors only."""
        rows, following = await everything_sent(
            desk.ports,
            caller.tenant_id,
            limit,
            parsed_cursor(cursor),
            person_id=person,
            channel_id=channel,
        )
        shown = [delivery_document(row) for row in rows]
        if visible_rows(caller, await desk.organisation(caller), _ESCALATIONS).everything:
            ids = [row.queued.message_id for row in rows]
            texts = await texts_of(desk.ports, caller.tenant_id, ids)
            for each in shown:
                each["title"], each["body"] = texts.get(each["message_id"], (None, None))
        return json_response({"rows": shown, "next_cursor": following})

    return routes


async def _preview(
    desk: Desk, caller: Caller, resource: Resource, rule: str, owner: str | None, unit: str | None
) -> Mapping[str, Any]:
    """By the policy that applies. Raises NotFound."""
    policy = (await desk.choices.policies(caller.tenant_id)).in_force_for(rule)
    unit_id = await _unit_in_sight(desk, caller, resource, owner, unit)
    steps = []
    if policy is not None:
        now = desk.ports.clock()
        supposed = Supposed(rule=rule, unit_id=unit_id, owner_id=owner, policy=policy, now=now)
        steps = await _foreseen_steps(desk, caller, supposed)
    return {
        "as_of": desk.ports.clock(),
        "rule": rule,
        "policy": policy.name if policy else None,
        "rows": steps,
    }


async def drafted_preview(
    desk: Desk, caller: Caller, policy: PolicyDefinition, owner: str
) -> list[Mapping[str, Any]]:
    """By a policy that is only drafted, of somebody's. Raises NotFound."""
    unit_id = await _unit_in_sight(desk, caller, Resource.POLICIES, owner, None)
    now = desk.ports.clock()
    rule = policy.rules[0]
    supposed = Supposed(rule=rule, unit_id=unit_id, owner_id=owner, policy=policy, now=now)
    return await _foreseen_steps(desk, caller, supposed)


async def _foreseen_steps(
    desk: Desk, caller: Caller, supposed: Supposed
) -> list[Mapping[str, Any]]:
    organisation = await desk.organisation(caller)
    absences = await desk.choices.absences(caller.tenant_id)
    working = working_time_of(organisation, supposed.now)
    return [asdict(each) for each in foreseen(supposed, organisation, absences, working)]


async def _unit_in_sight(
    desk: Desk, caller: Caller, resource: Resource, owner: str | None, unit: str | None
) -> str:
    """Raises NotFound for a unit or owner that is unknown, or not among the caller's."""
    organisation = await desk.organisation(caller)
    unit_id = unit or (organisation.unit_of(owner) if owner else organisation.root_id)
    if unit_id is None or not organisation.knows_unit(unit_id):
        raise NotFound(f"unit {unit or owner}")
    if not visible_rows(caller, organisation, resource).includes(unit_id=unit_id, owner_id=owner):
        raise NotFound(f"unit {unit_id}")
    return unit_id
