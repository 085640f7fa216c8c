"""CUSTOMER_IDENTITIES: by what a customer is recognised, and whom they turned out to be (P14)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar, assert_never, get_args

from shared.envelope import RecordedEvent
from shared.events.leads import (
    CustomerDescribed,
    CustomerMerged,
    CustomerMergeUndone,
    CustomerRegistered,
    CustomersKeptApart,
    CustomerWithdrawn,
)
from shared.projection import Projection

IdentityEvent = (
    CustomerRegistered
    | CustomerDescribed
    | CustomerWithdrawn
    | CustomerMerged
    | CustomerMergeUndone
    | CustomersKeptApart
)
Counts = Callable[[datetime], bool]


class Recognised(NamedTuple):
    at: datetime
    marks: tuple[str, ...]
    event_id: str


class MergeChange(NamedTuple):
    """`into` None: it is a customer of its own again."""

    at: datetime
    into: str | None
    event_id: str


class ToldApart(NamedTuple):
    at: datetime
    other: str


Change = TypeVar("Change", Recognised, MergeChange)


@dataclass(slots=True, kw_only=True)
class CustomerIdentity:
    recognised: list[Recognised] = field(default_factory=list)
    merges: list[MergeChange] = field(default_factory=list)
    apart: list[ToldApart] = field(default_factory=list)


Identities = Mapping[str, CustomerIdentity]


class LooksLike(NamedTuple):
    """Somebody who was there before; `event_ids` show what both are recognised by."""

    customer_id: str
    event_ids: tuple[str, ...]


def evolve(row: CustomerIdentity | None, recorded: RecordedEvent) -> CustomerIdentity | None:
    """Of customers who can be recognised by nothing, nearly all of an import, no row is kept."""
    event: IdentityEvent = recorded.event
    event_id = str(recorded.event_id)
    match event:
        case CustomerWithdrawn():
            return None
        case CustomerRegistered() | CustomerDescribed():
            if row is None and not event.marks:
                return None
            identity = row or CustomerIdentity()
            at = recorded.occurred_at
            identity.recognised.append(Recognised(at, tuple(event.marks), event_id))
            identity.apart += [ToldApart(at, other) for other in event.distinct_from]
        case CustomerMerged():
            identity = row or CustomerIdentity()
            merge = MergeChange(event.merged_at, event.into_customer_id, event_id)
            identity.merges.append(merge)
        case CustomerMergeUndone():
            identity = row or CustomerIdentity()
            identity.merges.append(MergeChange(event.undone_at, None, event_id))
        case CustomersKeptApart():
            identity = row or CustomerIdentity()
            identity.apart.append(ToldApart(event.kept_apart_at, event.other_customer_id))
        case _:
            assert_never(event)
    return identity


def merge_of(identity: CustomerIdentity | None, counts: Counts) -> MergeChange | None:
    """Where its record was merged into another's and is still."""
    merge = _last(identity.merges if identity else (), counts)
    return merge if merge is not None and merge.into is not None else None


def recognised_as(identity: CustomerIdentity | None, counts: Counts) -> Recognised | None:
    return _last(identity.recognised if identity else (), counts)


def _last(changes: Sequence[Change], counts: Counts) -> Change | None:
    return next((each for each in reversed(changes) if counts(each.at)), None)


def survivor(customer_id: str, known: Identities, counts: Counts) -> str:
    """Whom the id names then."""
    while (merge := merge_of(known.get(customer_id), counts)) is not None:
        customer_id = merge.into or customer_id
    return customer_id


def came_second(
    mark: str, sharing: Iterable[str], known: Identities, counts: Counts
) -> dict[str, LooksLike]:
    """Of those recognised by one mark, who has somebody before them whom nobody told them apart
    from: like a merged record, the later of two is the duplicate."""
    said = {
        each: recognised
        for each in sharing
        if (recognised := recognised_as(known.get(each), counts)) is not None
        and mark in recognised.marks
    }
    proofs = {survivor(each, known, counts): said[each].event_id for each in sorted(said)}
    apart = _told_apart({*said, *proofs}, known, counts)
    in_order = sorted(proofs, key=lambda each: (_began(known.get(each)), each))
    found: dict[str, LooksLike] = {}
    for number, each in enumerate(in_order):
        before = islice(in_order, number)
        first = next((one for one in before if frozenset((one, each)) not in apart), None)
        if first is not None:
            found[each] = LooksLike(first, (proofs[first], proofs[each]))
    return found


def _began(identity: CustomerIdentity | None) -> float:
    recognised = identity.recognised if identity else ()
    return min((each.at.timestamp() for each in recognised), default=0.0)


def _told_apart(
    customers: Collection[str], known: Identities, counts: Counts
) -> set[frozenset[str]]:
    found = set()
    for each in customers:
        identity = known.get(each) or CustomerIdentity()
        others = {told.other for told in identity.apart if counts(told.at)}
        ours = survivor(each, known, counts)
        found |= {frozenset((ours, survivor(other, known, counts))) for other in others}
    return found


def _customer_id(event: Any) -> str:
    customer_id: str = event.customer_id
    return customer_id


CUSTOMER_IDENTITIES: Projection[CustomerIdentity] = Projection(
    name="customer_identities",
    version=1,
    reads=get_args(IdentityEvent),
    row_type=CustomerIdentity,
    key=_customer_id,
    evolve=evolve,
)
