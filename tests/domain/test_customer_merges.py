"""Customers merged, merges undone, look-alikes told apart (L1)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.leads.domain.customer_merges import (
    CUSTOMER_MERGES,
    CustomerCannotMergeIntoItself,
    CustomerIsAlreadyMerged,
    CustomerIsNotMerged,
    CustomerMerges,
    KeepCustomersApart,
    MergeCustomer,
    MergeWouldBeACircle,
    UndoMerge,
)
from shared.errors import DomainError
from shared.events.leads import CustomerMerged, CustomerMergeUndone, CustomersKeptApart
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
merges = Spec(CUSTOMER_MERGES)


def merge(customer_id: str, into: str) -> MergeCustomer:
    return MergeCustomer(customer_id=customer_id, into_customer_id=into, now=NOW)


def merged(customer_id: str, into: str) -> CustomerMerged:
    return CustomerMerged(customer_id=customer_id, into_customer_id=into, merged_at=NOW)


def apart(one: str, other: str) -> KeepCustomersApart:
    return KeepCustomersApart(customer_id=one, other_customer_id=other, now=NOW)


def kept_apart(one: str, other: str) -> CustomersKeptApart:
    return CustomersKeptApart(customer_id=one, other_customer_id=other, kept_apart_at=NOW)


def test_a_merged_customers_id_keeps_resolving() -> None:
    state = merges.when(merge("C1", "C2")).then(merged("C1", "C2"))
    assert (state.survivor("C1"), state.survivor("C2"), state.survivor("C3")) == ("C2", "C2", "C3")


def test_a_chain_of_merges_resolves_to_its_end() -> None:
    state = merges.given(merged("C1", "C2")).when(merge("C2", "C3")).then(merged("C2", "C3"))
    assert state.survivor("C1") == "C3"
    assert state.members("C1") == state.members("C3") == {"C1", "C2", "C3"}


def test_merging_the_same_again_does_nothing() -> None:
    merges.given(merged("C1", "C2")).when(merge("C1", "C2")).then_nothing()


def test_merging_what_is_merged_into_another_is_refused() -> None:
    merges.given(merged("C1", "C2")).when(merge("C1", "C3")).then_refused(CustomerIsAlreadyMerged)


def test_merging_a_customer_into_itself_is_refused() -> None:
    merges.when(merge("C1", "C1")).then_refused(CustomerCannotMergeIntoItself)


def test_a_circle_is_refused_however_long() -> None:
    chain = merges.given(merged("C1", "C2"))
    chain.when(merge("C2", "C1")).then_refused(MergeWouldBeACircle)
    longer = chain.given(merged("C2", "C3"))
    longer.when(merge("C3", "C1")).then_refused(MergeWouldBeACircle)


def test_a_wrong_merge_is_undone_by_a_further_event() -> None:
    undone = CustomerMergeUndone(customer_id="C1", into_customer_id="C2", undone_at=NOW)
    undo = UndoMerge(customer_id="C1", now=NOW)
    wrong = merges.given(merged("C1", "C2"), merged("C2", "C3"))
    state = wrong.when(undo).then(undone)
    assert (state.survivor("C1"), state.survivor("C2")) == ("C1", "C3")
    assert merges.given(merged("C1", "C2"), undone).when(merge("C2", "C1")).events() != []


def test_undoing_what_was_not_merged_is_refused() -> None:
    merges.when(UndoMerge(customer_id="C1", now=NOW)).then_refused(CustomerIsNotMerged)


def test_look_alikes_are_told_apart_in_either_order_once() -> None:
    state = merges.when(apart("C2", "C1")).then(kept_apart("C2", "C1"))
    assert state.are_apart("C1", "C2")
    merges.given(kept_apart("C2", "C1")).when(apart("C1", "C2")).then_nothing()


def test_what_is_one_is_not_told_apart() -> None:
    merges.given(merged("C1", "C2")).when(apart("C1", "C2")).then_refused(CustomerIsAlreadyMerged)


IDS = st.sampled_from(["C1", "C2", "C3", "C4", "C5"])
COMMANDS = st.one_of(
    st.builds(merge, IDS, IDS), st.builds(UndoMerge, customer_id=IDS, now=st.just(NOW))
)


@given(st.lists(COMMANDS, max_size=30))
def test_every_id_resolves_whatever_was_merged_and_undone(
    commands: list[MergeCustomer | UndoMerge],
) -> None:
    state = CustomerMerges()
    for command in commands:
        try:
            state = CUSTOMER_MERGES.fold(CUSTOMER_MERGES.decide(command, state), state)
        except DomainError:
            continue
        for customer_id in ("C1", "C2", "C3", "C4", "C5"):
            seen = [customer_id]
            while seen[-1] in state.into:
                seen.append(state.into[seen[-1]])
                assert len(seen) <= 5, "a circle"
            assert state.survivor(customer_id) == seen[-1]
            assert customer_id in state.members(seen[-1])
