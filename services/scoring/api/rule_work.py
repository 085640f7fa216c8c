"""Changing how health is scored: proposed, compared with what is in force, put into effect (S2)."""

from typing import Annotated, Any

from pydantic import Field

from services.scoring.domain.health_rules import (
    HEALTH_RULES,
    ONE_PER_TENANT,
    CompareHealthRules,
    NoRulesAreProposed,
    ProposeHealthRules,
    PutHealthRulesIntoEffect,
    RuleBook,
    WithdrawHealthRules,
)
from services.scoring.queries.health_scores import compared, rule_book
from shared.access import Caller
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, Handled
from shared.events.scoring import HealthRules, InputRule
from shared.http import Body, Name

_Figure = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class InputBody(Body):
    """0 at `zero_at`, 1 at `one_at`, a line between."""

    input: Name
    zero_at: _Figure
    one_at: _Figure
    weight: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)] = 1.0
    types: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    field: Name | None = None


class RulesBody(Body):
    """All of them as they are to stand."""

    inputs: Annotated[tuple[InputBody, ...], Field(min_length=1, max_length=12)]
    window_days: Annotated[int, Field(ge=1, le=30)] = 14
    low_below: Annotated[float, Field(ge=0, le=100)] = 60.0

    def rules(self) -> HealthRules:
        """Their version is given when they are proposed."""
        inputs = tuple(InputRule(**each.model_dump()) for each in self.inputs)
        return HealthRules(
            version=0, inputs=inputs, window_days=self.window_days, low_below=self.low_below
        )


class RuleWork:
    def __init__(self, desk: CommandDesk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def propose(self, body: RulesBody, context: CommandContext) -> Handled[Any]:
        command = ProposeHealthRules(rules=body.rules(), now=context.occurred_at)
        return await self._handle(command, context)

    async def compare(self, caller: Caller, context: CommandContext) -> Handled[Any]:
        """Over everything that is scored now. Raises NoRulesAreProposed."""
        book = await rule_book(self.ports, caller.tenant_id)
        if book.proposed is None:
            raise NoRulesAreProposed("there is nothing to compare with the rules in force")
        organisation = await self.desk.organisation(caller)
        at = organisation.clock(context.occurred_at)
        subjects = await compared(self.ports, organisation, book, at)
        version = book.proposed.version
        command = CompareHealthRules(subjects=subjects, version=version, now=context.occurred_at)
        return await self._handle(command, context)

    async def take_effect(self, context: CommandContext) -> Handled[Any]:
        return await self._handle(PutHealthRulesIntoEffect(now=context.occurred_at), context)

    async def withdraw(self, context: CommandContext) -> Handled[Any]:
        return await self._handle(WithdrawHealthRules(now=context.occurred_at), context)

    async def _handle(self, command: Any, context: CommandContext) -> Handled[Any]:
        return await self.desk.handle(HEALTH_RULES, ONE_PER_TENANT, command, context, shown_book)


def shown_book(book: RuleBook) -> dict[str, Any]:
    return {"in_force": book.in_force, "proposed": book.proposed, "comparison": book.comparison}
