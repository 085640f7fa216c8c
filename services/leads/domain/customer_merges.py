"""Which customers are one, as one book per tenant: ids keep resolving, no circle can come about
(L1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError
from shared.events.leads import CustomerMerged, CustomerMergeUndone, CustomersKeptApart


class CustomerCannotMergeIntoItself(DomainError):
    code = "customer-cannot-merge-into-itself"


class CustomerIsAlreadyMerged(DomainError):
    code = "customer-is-already-merged"


class CustomerIsNotMerged(DomainError):
    code = "customer-is-not-merged"


class MergeWouldBeACircle(DomainError):
    """The other one resolves to this one already."""

    code = "merge-would-be-a-circle"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCustomer:
    """`customer_id` is to name what `into_customer_id` names."""

    customer_id: str
    into_customer_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoMerge:
    customer_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepCustomersApart:
    customer_id: str
    other_customer_id: str
    now: datetime


CustomerMergesCommand = MergeCustomer | UndoMerge | KeepCustomersApart
CustomerMergesEvent = CustomerMerged | CustomerMergeUndone | CustomersKeptApart


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMerges:
    """`into`: merged customer → the one it was merged into, which may be merged itself;
    `apart`: pairs, the lesser id first."""

    into: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[tuple[str, str]] = frozenset()

    def survivor(self, customer_id: str) -> str:
        """Whom the id names now."""
        while customer_id in self.into:
            customer_id = self.into[customer_id]
        return customer_id

    def members(self, customer_id: str) -> frozenset[str]:
        """Every id that names the same customer, the given one's survivor included."""
        found = {self.survivor(customer_id)}
        merged_into: dict[str, list[str]] = {}
        for merged, into in self.into.items():
            merged_into.setdefault(into, []).append(merged)
        waiting = list(found)
        while waiting:
            merged_here = merged_into.get(waiting.pop(), [])
            found.update(merged_here)
            waiting += merged_here
        return frozenset(found)

    def are_apart(self, one: str, other: str) -> bool:
        return pair(one, other) in self.apart


def pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def merge(command: MergeCustomer, merges: CustomerMerges) -> Sequence[CustomerMergesEvent]:
    customer_id, into = command.customer_id, command.into_customer_id
    if customer_id == into:
        raise CustomerCannotMergeIntoItself(f"{customer_id!r} is {into!r}")
    known = merges.into.get(customer_id)
    if known == into:
        return []
    if known is not None:
        raise CustomerIsAlreadyMerged(f"{customer_id!r} is merged into {known!r}")
    if merges.survivor(into) == customer_id:
        raise MergeWouldBeACircle(f"{into!r} is merged into {customer_id!r}")
    return [CustomerMerged(customer_id=customer_id, into_customer_id=into, merged_at=command.now)]


def undo_merge(command: UndoMerge, merges: CustomerMerges) -> Sequence[CustomerMergesEvent]:
    into = merges.into.get(command.customer_id)
    if into is None:
        raise CustomerIsNotMerged(f"{command.customer_id!r} is merged into nobody")
    return [
        CustomerMergeUndone(
            customer_id=command.customer_id, into_customer_id=into, undone_at=command.now
        )
    ]


def keep_apart(
    command: KeepCustomersApart, merges: CustomerMerges
) -> Sequence[CustomerMergesEvent]:
    one, other = command.customer_id, command.other_customer_id
    if merges.survivor(one) == merges.survivor(other):
        raise CustomerIsAlreadyMerged(f"{one!r} and {other!r} are one")
    if merges.are_apart(one, other):
        return []
    return [CustomersKeptApart(customer_id=one, other_customer_id=other, kept_apart_at=command.now)]


def decide(command: CustomerMergesCommand, merges: CustomerMerges) -> Sequence[CustomerMergesEvent]:
    match command:
        case MergeCustomer():
            return merge(command, merges)
        case UndoMerge():
            return undo_merge(command, merges)
        case KeepCustomersApart():
            return keep_apart(command, merges)
        case _:
            assert_never(command)


def evolve(merges: CustomerMerges, event: CustomerMergesEvent) -> CustomerMerges:
    match event:
        case CustomerMerged():
            return replace(merges, into={**merges.into, event.customer_id: event.into_customer_id})
        case CustomerMergeUndone():
            into = {each: merges.into[each] for each in merges.into if each != event.customer_id}
            return replace(merges, into=into)
        case CustomersKeptApart():
            return replace(
                merges, apart=merges.apart | {pair(event.customer_id, event.other_customer_id)}
            )
        case _:
            assert_never(event)


CUSTOMER_MERGES: Decider[CustomerMergesCommand, CustomerMerges, CustomerMergesEvent] = Decider(
    "customer_merges", decide, evolve, CustomerMerges(), states=(CustomerMerges,)
)
