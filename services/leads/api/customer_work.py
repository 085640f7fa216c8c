"""Work on customers within the caller's sight: registered, described, merged, told apart (L1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.leads.api.customer_bodies import (
    CustomerBody,
    CustomerSearch,
    KeepingApart,
    Merge,
    MergeUndoing,
    NewCustomer,
)
from services.leads.api.desk import Desk
from services.leads.domain.customer import (
    CUSTOMER,
    Customer,
    CustomerCommand,
    CustomerDescription,
    CustomerIsAlreadyRegistered,
    CustomerLooksFamiliar,
    DescribeCustomer,
    RegisterCustomer,
    Unconfirmed,
)
from services.leads.domain.customer_merges import (
    CUSTOMER_MERGES,
    CustomerMerges,
    CustomerMergesCommand,
    KeepCustomersApart,
    MergeCustomer,
    UndoMerge,
)
from services.leads.queries.customers import exists, is_visible, merges, require_visible
from services.leads.queries.look_alikes import Candidate, candidates, shown_candidates
from shared.access import Caller, Verb
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import happened_at


class CustomerWork:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def register(
        self, caller: Caller, body: NewCustomer, context: CommandContext
    ) -> Handled[Any]:
        """Raises CustomerLooksFamiliar unless it is confirmed to be new."""
        customer_id = body.customer_id or self.desk.given_id(context, "customer")
        telling = self._register(caller, customer_id, body, context)
        return await self.desk.answered(context, (CUSTOMER, customer_id), telling)

    async def _register(
        self, caller: Caller, customer_id: str, body: NewCustomer, context: CommandContext
    ) -> Handled[Any]:
        now = self.ports.clock()
        occurred_at = happened_at(body.occurred_at, now)
        if body.customer_id is not None:
            await self._require_unheld(caller, customer_id)
        description = await self._marked(caller, body)
        async with self.desk.marking.turn(caller.tenant_id, description.marks):
            alike = await candidates(
                self.ports, caller.tenant_id, description.marks, leaving_out=[customer_id]
            )
            if alike and not body.confirmed_as_new:
                raise CustomerLooksFamiliar(
                    "link to one of the candidates, or confirm that it is new",
                    members={"candidates": await shown_candidates(self.ports, caller, alike)},
                )
            command = RegisterCustomer(
                customer_id=customer_id,
                description=description,
                distinct_from=tuple(each.customer_id for each in alike),
                occurred_at=occurred_at,
                now=now,
            )
            return await self._handle(command, replace(context, occurred_at=occurred_at))

    async def _require_unheld(self, caller: Caller, customer_id: str) -> None:
        """Registering confirms what an opportunity has named: not over the heads of its people."""
        try:
            await require_visible(self.ports, caller, customer_id, Verb.WRITE)
        except NotFound as hidden:
            raise CustomerIsAlreadyRegistered(f"{customer_id!r} is another's customer") from hidden

    async def describe(
        self, caller: Caller, customer_id: str, body: CustomerBody, context: CommandContext
    ) -> Handled[Any]:
        """Of whom the id names, whether or not it was merged."""
        await require_visible(self.ports, caller, customer_id, Verb.WRITE)
        known = await merges(self.ports, caller.tenant_id)
        command = DescribeCustomer(
            customer_id=known.survivor(customer_id),
            description=await self._marked(caller, body),
            now=self.ports.clock(),
        )
        return await self._handle(command, context)

    async def look_alikes(self, caller: Caller, body: CustomerBody) -> list[dict[str, Any]]:
        """Whom a description fits, before anything is written."""
        description = await self._marked(caller, body)
        found: list[Candidate] = await candidates(self.ports, caller.tenant_id, description.marks)
        return await shown_candidates(self.ports, caller, found)

    async def search(self, caller: Caller, sought: CustomerSearch) -> list[dict[str, Any]]:
        """Those in sight that share one of the marks; names are sealed: the whole name is
        compared, in one spelling."""
        marks = await self.desk.marking.marks(caller.tenant_id, sought.description())
        found = await candidates(self.ports, caller.tenant_id, marks)
        shown = await shown_candidates(self.ports, caller, found)
        names = ("customer_id", "name", "reasons")
        return [{name: each[name] for name in names} for each in shown if each["visible"]]

    async def merge(
        self, caller: Caller, customer_id: str, body: Merge, context: CommandContext
    ) -> Handled[Any]:
        command = MergeCustomer(
            customer_id=customer_id, into_customer_id=body.into_customer_id, now=self.ports.clock()
        )
        await self._require_known(caller, customer_id)
        await self._require_other(caller, body.into_customer_id, "into_customer_id")
        return await self._book(caller, command, context)

    async def undo_merge(
        self, caller: Caller, customer_id: str, _body: MergeUndoing, context: CommandContext
    ) -> Handled[Any]:
        await self._require_known(caller, customer_id)
        command = UndoMerge(customer_id=customer_id, now=self.ports.clock())
        return await self._book(caller, command, context)

    async def keep_apart(
        self, caller: Caller, customer_id: str, body: KeepingApart, context: CommandContext
    ) -> Handled[Any]:
        await self._require_known(caller, customer_id)
        await self._require_other(caller, body.other_customer_id, "other_customer_id")
        command = KeepCustomersApart(
            customer_id=customer_id,
            other_customer_id=body.other_customer_id,
            now=self.ports.clock(),
        )
        return await self._book(caller, command, context)

    async def _require_known(self, caller: Caller, customer_id: str) -> None:
        await require_visible(self.ports, caller, customer_id, Verb.WRITE)
        if not await exists(self.ports, caller.tenant_id, customer_id):
            raise NotFound(f"there is no customer {customer_id!r}")

    async def _require_other(self, caller: Caller, customer_id: str, field: str) -> None:
        known = await exists(self.ports, caller.tenant_id, customer_id)
        if not known or not await is_visible(self.ports, caller, customer_id, Verb.WRITE):
            detail = f"there is no customer {customer_id!r}"
            raise Malformed(detail, errors=[FieldProblem(field, "unknown-customer", detail)])

    async def _marked(self, caller: Caller, body: CustomerBody) -> CustomerDescription:
        description = body.description()
        marks = await self.desk.marking.marks(caller.tenant_id, description)
        return replace(description, marks=marks)

    async def _handle(self, command: CustomerCommand, context: CommandContext) -> Handled[Any]:
        customer_id = command.customer_id

        def render(state: Customer) -> Mapping[str, Any]:
            return {"customer_id": customer_id, "confirmed": not isinstance(state, Unconfirmed)}

        return await self.desk.handle(CUSTOMER, customer_id, command, context, render)

    async def _book(
        self, caller: Caller, command: CustomerMergesCommand, context: CommandContext
    ) -> Handled[Any]:
        """Its version is that of the tenant's book of merges."""
        customer_id = command.customer_id

        def render(state: CustomerMerges) -> Mapping[str, Any]:
            return {"customer_id": customer_id, "resolves_to": state.survivor(customer_id)}

        return await self.desk.handle(CUSTOMER_MERGES, caller.tenant_id, command, context, render)
