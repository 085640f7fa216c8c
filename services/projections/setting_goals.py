"""Goals over HTTP and as lines of POST /commands: set, removed, cascaded down the tree (P9)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from services.projections.domain.goals import (
    GOALS,
    METRICS,
    PERSON,
    UNIT,
    CascadeGoal,
    GoalKey,
    Goals,
    RemoveGoal,
    SetGoal,
)
from services.projections.domain.windows import month_named
from shared.access import Caller, Resource, Role, Verb, visible_rows
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, NotYetKnown
from shared.http import BASE, Access, Body, Id
from shared.order_routes import Kind, Order, add_order, order_lines
from shared.organisation import Organisation
from shared.service import BatchCommand

_GOALS = Resource.GOALS
_KIND = Kind("/goals", "month")
Metric = Literal["valid_leads", "first_visit_rate", "repeat_purchases", "basket_growth"]
Target = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class GoalOf(Body):
    """Of a unit, or of a person: one of the two."""

    unit_id: Id | None = None
    person_id: Id | None = None
    metric: Metric


class GoalToSet(GoalOf):
    target: Target


class GoalToCascade(Body):
    """`weights` by the id of a unit or person below, 1 unless named."""

    unit_id: Id
    metric: Metric
    weights: Annotated[dict[Id, Weight], Field(max_length=5_000)] = Field(default_factory=dict)


class GoalWork:
    def __init__(self, desk: CommandDesk) -> None:
        self._desk = desk

    async def set(
        self, caller: Caller, month: str, body: GoalToSet, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotYetKnown for a unit or person that is unknown or not the caller's to lead."""
        command = SetGoal(
            month=await self._month(caller, month),
            key=await self._key(caller, body),
            target=body.target,
            set_by=caller.person_id,
            now=context.occurred_at,
        )
        return await self._desk.handle(GOALS, month, command, context, _shown(month))

    async def remove(
        self, caller: Caller, month: str, body: GoalOf, context: CommandContext
    ) -> Handled[Any]:
        command = RemoveGoal(
            month=await self._month(caller, month),
            key=await self._key(caller, body),
            now=context.occurred_at,
        )
        return await self._desk.handle(GOALS, month, command, context, _shown(month))

    async def cascade(
        self, caller: Caller, month: str, body: GoalToCascade, context: CommandContext
    ) -> Handled[Any]:
        """From the unit to its units, theirs, and their people, as the tree stands now."""
        organisation = await self._desk.organisation(caller)
        _require_led(caller, organisation, body.unit_id, "unit_id")
        parts = {
            unit_id: [
                *((UNIT, each) for each in organisation.children(unit_id)),
                *((PERSON, each) for each in _reps_in(organisation, unit_id)),
            ]
            for unit_id in organisation.subtree(body.unit_id)
        }
        command = CascadeGoal(
            month=await self._month(caller, month),
            unit_id=body.unit_id,
            metric=body.metric,
            parts=parts,
            weights=dict(body.weights),
            set_by=caller.person_id,
            now=context.occurred_at,
        )
        return await self._desk.handle(GOALS, month, command, context, _shown(month))

    async def _month(self, caller: Caller, month: str) -> str:
        """Raises Malformed for what is no month."""
        organisation = await self._desk.organisation(caller)
        return month_named(
            month, organisation.zone(organisation.clock(self._desk.ports.clock()))
        ).name

    async def _key(self, caller: Caller, body: GoalOf) -> GoalKey:
        organisation = await self._desk.organisation(caller)
        if body.person_id is not None:
            unit_id = organisation.unit_of(body.person_id) or ""
            _require_led(caller, organisation, unit_id, "person_id")
            return GoalKey(PERSON, body.person_id, body.metric)
        unit_id = body.unit_id or organisation.root_id or ""
        _require_led(caller, organisation, unit_id, "unit_id")
        return GoalKey(UNIT, unit_id, body.metric)


def goal_orders(desk: CommandDesk) -> tuple[Order, ...]:
    work = GoalWork(desk)
    return (
        Order("set", "set-goal", _GOALS, GoalToSet, work.set),
        Order("remove", "remove-goal", _GOALS, GoalOf, work.remove),
        Order("cascade", "cascade-goal", _GOALS, GoalToCascade, work.cascade),
    )


def router(desk: CommandDesk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["goals"])
    for order in goal_orders(desk):
        add_order(routes, desk, access, _KIND, order)
    return routes


def batch_commands(desk: CommandDesk) -> dict[str, BatchCommand]:
    return order_lines(_KIND, goal_orders(desk))


def _require_led(caller: Caller, organisation: Organisation, unit_id: str, field: str) -> None:
    seen = visible_rows(caller, organisation, _GOALS, Verb.WRITE)
    if not organisation.knows_unit(unit_id) or not seen.includes(unit_id=unit_id):
        message = "we have not heard of it (yet), or you do not lead it"
        problem = FieldProblem(field, "not-yet-known", message)
        raise NotYetKnown(f"{field} is not known yet", errors=[problem])


def _reps_in(organisation: Organisation, unit_id: str) -> list[str]:
    """The reps of exactly this unit; where nobody was granted anything, who is in a team."""
    is_team = not organisation.children(unit_id)
    return [
        person_id
        for person_id in organisation.people_in(unit_id)
        if _is_rep(organisation.people[person_id].grants, is_team)
    ]


def _is_rep(grants: Sequence[tuple[str, str]], is_team: bool) -> bool:
    return any(role == Role.REP for role, _ in grants) or (is_team and not grants)


def _shown(month: str) -> Any:
    def render(goals: Goals) -> Mapping[str, Any]:
        held = [{**key._asdict(), "target": target} for key, target in goals.targets.items()]
        return {"month": month, "goals": held, "metrics": METRICS}

    return render
