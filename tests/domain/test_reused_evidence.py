"""What one photo or recording that proves several actions comes to (O5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from services.projections.domain.opportunity_row import (
    LoggedAction,
    OpportunityProcess,
    Ownership,
    Stay,
)
from services.projections.domain.reused_evidence import (
    PROVES_ONE_ACTION_ONLY,
    RULE,
    EvidenceUses,
    Proof,
    next_due,
    verdicts,
)
from services.projections.domain.signal import RaiseSignal, RetractSignal, SignalCommand
from services.projections.domain.watching import DUE_MOVED, KnownSignal, WatchClock

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CLOCK = WatchClock(now=NOW, live_at=NOW - timedelta(days=90))


def at(hour: int) -> datetime:
    return NOW - timedelta(hours=24 - hour)


def proof(hour: int, opportunity_id: str, action_id: str) -> Proof:
    return Proof(at(hour), opportunity_id, action_id, f"E-{action_id}")


FIRST, SECOND, THIRD = proof(1, "O1", "A1"), proof(2, "O2", "A2"), proof(3, "O1", "A3")


def action(found: Proof, version: int, actor_id: str | None = "rep-1") -> LoggedAction:
    return LoggedAction(
        at=found.happened_at,
        version=version,
        event_id=found.event_id,
        action_id=found.action_id,
        type="visit",
        ends_silence=True,
        contact="out",
        actor_id=actor_id,
        path=0 if actor_id else -1,
    )


def process(*proofs: Proof, actor_id: str | None = "rep-1") -> OpportunityProcess:
    return OpportunityProcess(
        opportunity_id=proofs[0].opportunity_id,
        customer_id="C1",
        customer_type=None,
        customer_industry=None,
        customer_is_key=False,
        amount=None,
        currency=None,
        zone="Asia/Shanghai",
        rules=[],
        stays=[Stay(at(0), 1, "first_contact", "E0", "opened")],
        owners=[Ownership(at(0), 1, "owner-1", ("company", "south"))],
        actions=[action(each, number + 2, actor_id) for number, each in enumerate(proofs)],
        paths=[("company", "north")],
    )


PROCESSES = {"O1": process(FIRST, THIRD), "O2": process(SECOND)}


def uses(*proofs: Proof) -> EvidenceUses:
    return EvidenceUses(sha256="a" * 64, proofs=sorted(proofs), was_reused=True)


def judged(
    *proofs: Proof,
    known: tuple[RaiseSignal, ...] = (),
    processes: dict[str, OpportunityProcess] = PROCESSES,
    clock: WatchClock = CLOCK,
) -> list[SignalCommand]:
    stand = {
        each.signal_id: KnownSignal(signal_id=each.signal_id, due_at=each.due_at, state="open")
        for each in known
    }
    return verdicts("acme", uses(*proofs), processes, stand, clock)


def raised(commands: list[SignalCommand]) -> list[RaiseSignal]:
    return [each for each in commands if isinstance(each, RaiseSignal)]


def test_one_use_is_no_reuse() -> None:
    assert judged(FIRST) == []
    assert next_due(EvidenceUses(sha256="a" * 64, proofs=[FIRST])) is None
    assert next_due(uses(FIRST)) is not None


def test_each_use_but_the_first_is_signalled_where_it_happened() -> None:
    found = raised(judged(FIRST, SECOND, THIRD))
    assert [(each.subject_id, each.due_at) for each in found] == [("O2", at(2)), ("O1", at(3))]
    assert {each.rule for each in found} == {RULE}
    assert [each.anchor_event_id for each in found] == ["E-A2", "E-A3"]
    assert found[0].facts["first_opportunity_id"] == "O1"
    assert (found[0].stage, found[0].raised_at, found[0].historical) == (
        "first_contact",
        NOW,
        False,
    )


def test_in_whatever_order_they_arrive_the_signals_are_the_same() -> None:
    ends = {
        tuple(each.signal_id for each in raised(judged(*order)))
        for order in permutations((FIRST, SECOND, THIRD))
    }
    assert len(ends) == 1


def test_it_is_the_actors_and_without_one_the_owners() -> None:
    [actors] = raised(judged(FIRST, SECOND))
    assert (actors.owner_id, actors.unit_path) == ("rep-1", ("company", "north"))
    nobody = {**PROCESSES, "O2": process(SECOND, actor_id=None)}
    [owners] = raised(judged(FIRST, SECOND, processes=nobody))
    assert (owners.owner_id, owners.unit_path) == ("owner-1", ("company", "south"))


@pytest.mark.parametrize("flaw", [{"is_voided": True}, {"flaw": "invalid"}, {"flaw": "unproven"}])
def test_an_action_that_does_not_count_proves_nothing(flaw: dict[str, object]) -> None:
    void = process(FIRST)
    void.actions = [each._replace(**flaw) for each in void.actions]  # type: ignore[arg-type]
    assert judged(FIRST, SECOND, processes={**PROCESSES, "O1": void}) == []


def test_what_was_said_is_not_said_again() -> None:
    said = tuple(raised(judged(FIRST, SECOND)))
    assert judged(FIRST, SECOND, known=said) == []


def test_what_is_no_reuse_any_more_is_taken_back() -> None:
    said = tuple(raised(judged(FIRST, SECOND)))
    [retracted] = judged(SECOND, known=said)
    assert isinstance(retracted, RetractSignal)
    assert (retracted.signal_id, retracted.reason) == (said[0].signal_id, PROVES_ONE_ACTION_ONLY)


def test_a_corrected_time_moves_what_was_said() -> None:
    said = tuple(raised(judged(FIRST, SECOND)))
    later = SECOND._replace(happened_at=at(5))
    moved = {**PROCESSES, "O2": process(later)}
    back, again = judged(FIRST, later, known=said, processes=moved)
    assert isinstance(back, RetractSignal)
    assert isinstance(again, RaiseSignal)
    assert (back.reason, again.due_at) == (DUE_MOVED, at(5))
    assert again.signal_id == said[0].signal_id


def test_what_lies_before_going_live_is_history() -> None:
    [found] = raised(judged(FIRST, SECOND, clock=replace(CLOCK, live_at=NOW)))
    assert (found.historical, found.raised_at) == (True, at(2))
