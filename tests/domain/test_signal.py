"""A signal is raised once, resolved, retracted, raised again; the watch says when (O1, G5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.projections.domain.signal import (
    SIGNAL,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    signal_id,
)
from services.projections.domain.watching import (
    DUE_MOVED,
    END_DISPROVED,
    MET_IN_TIME,
    KnownSignal,
    Subject,
    WatchClock,
    deadline_signal_id,
    verdicts,
)
from shared.errors import NotFound
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.projection import Deadline
from tests.specs import Spec

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
DUE = NOW - timedelta(hours=3)
ENDED = NOW - timedelta(hours=1)
RAISE = RaiseSignal(
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="first",
    unit_path=("company", "team-1"),
    owner_id="rep-1",
    due_at=DUE,
    raised_at=NOW,
    anchor_event_id="E1",
    window=None,
    historical=False,
    facts={"limit_hours": 48.0},
    told=(),
    now=NOW,
)
RAISED = SignalRaised(
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="first",
    unit_id="team-1",
    unit_path=["company", "team-1"],
    owner_id="rep-1",
    due_at=DUE,
    raised_at=NOW,
    anchor_event_id="E1",
    window=None,
    historical=False,
    facts={"limit_hours": 48.0},
    told=[],
)
RESOLVE = ResolveSignal(signal_id="S1", ended_at=ENDED, cause_event_id="E2", now=NOW)
RESOLVED = SignalResolved(signal_id="S1", ended_at=ENDED, cause_event_id="E2")
RETRACT = RetractSignal(signal_id="S1", due_at=DUE, reason=MET_IN_TIME, retracted_at=NOW, now=NOW)
RETRACTED = SignalRetracted(signal_id="S1", reason=MET_IN_TIME, retracted_at=NOW)
signal = Spec(SIGNAL)


class TestUnknown:
    def test_raising_raises(self) -> None:
        signal.given().when(RAISE).then(RAISED)

    def test_resolving_is_refused(self) -> None:
        signal.given().when(RESOLVE).then_refused(NotFound)

    def test_retracting_is_refused(self) -> None:
        signal.given().when(RETRACT).then_refused(NotFound)


class TestRaised:
    def test_raising_again_adds_nothing(self) -> None:
        signal.given(RAISED).when(RAISE).then_nothing()

    def test_resolving_resolves(self) -> None:
        signal.given(RAISED).when(RESOLVE).then(RESOLVED)

    def test_retracting_retracts(self) -> None:
        signal.given(RAISED).when(RETRACT).then(RETRACTED)

    def test_retracting_what_was_due_at_another_time_adds_nothing(self) -> None:
        signal.given(RAISED).when(replace(RETRACT, due_at=NOW)).then_nothing()


class TestResolved:
    def test_raising_again_adds_nothing(self) -> None:
        signal.given(RAISED, RESOLVED).when(RAISE).then_nothing()

    def test_resolving_again_adds_nothing(self) -> None:
        signal.given(RAISED, RESOLVED).when(RESOLVE).then_nothing()

    def test_an_end_that_turns_out_earlier_is_told(self) -> None:
        earlier = replace(RESOLVE, ended_at=ENDED - timedelta(hours=1))
        expected = replace(RESOLVED, ended_at=earlier.ended_at)
        signal.given(RAISED, RESOLVED).when(earlier).then(expected)

    def test_retracting_retracts(self) -> None:
        signal.given(RAISED, RESOLVED).when(RETRACT).then(RETRACTED)


class TestRetracted:
    def test_raising_raises_again(self) -> None:
        signal.given(RAISED, RETRACTED).when(RAISE).then(RAISED)

    def test_resolving_adds_nothing(self) -> None:
        signal.given(RAISED, RETRACTED).when(RESOLVE).then_nothing()

    def test_retracting_again_adds_nothing(self) -> None:
        signal.given(RAISED, RETRACTED).when(RETRACT).then_nothing()


SUBJECT = Subject(tenant_id="T1", kind="opportunity", subject_id="O1", customer_id="C1")
LIVE = WatchClock(now=NOW, live_at=NOW - timedelta(days=9))
DEADLINE = Deadline(
    rule="stalled",
    anchor_event_id="E1",
    due_at=DUE,
    ended_at=None,
    ended_by_event_id=None,
    stage="first",
    unit_path=("company", "team-1"),
    owner_id="rep-1",
)
ID = deadline_signal_id(SUBJECT, DEADLINE)


def known(state: str, ended_at: datetime | None = None) -> dict[str, KnownSignal]:
    return {ID: KnownSignal(signal_id=ID, due_at=DUE, state=state, ended_at=ended_at)}


def kinds(commands: object) -> list[str]:
    assert isinstance(commands, list)
    return [type(command).__name__ for command in commands]


class TestVerdicts:
    def test_what_is_over_its_limit_is_raised(self) -> None:
        [command] = verdicts(SUBJECT, [DEADLINE], {}, LIVE)

        assert isinstance(command, RaiseSignal)
        assert (command.signal_id, command.raised_at, command.historical) == (ID, NOW, False)

    def test_at_exactly_the_limit_nothing_is_raised(self) -> None:
        assert verdicts(SUBJECT, [DEADLINE._replace(due_at=NOW)], {}, LIVE) == []

    def test_what_ended_too_late_is_raised_and_resolved_at_once(self) -> None:
        assert kinds(verdicts(SUBJECT, [DEADLINE._replace(ended_at=ENDED)], {}, LIVE)) == [
            "RaiseSignal",
            "ResolveSignal",
        ]

    def test_an_end_still_to_come_resolves_nothing_yet(self) -> None:
        later = DEADLINE._replace(ended_at=NOW + timedelta(hours=1))
        assert kinds(verdicts(SUBJECT, [later], {}, LIVE)) == ["RaiseSignal"]

    def test_what_is_known_is_not_raised_again(self) -> None:
        assert verdicts(SUBJECT, [DEADLINE], known("raised"), LIVE) == []

    def test_a_raised_one_whose_cause_ended_is_resolved(self) -> None:
        ended = DEADLINE._replace(ended_at=ENDED)
        assert kinds(verdicts(SUBJECT, [ended], known("raised"), LIVE)) == ["ResolveSignal"]

    def test_one_that_was_met_in_time_after_all_is_retracted(self) -> None:
        [command] = verdicts(SUBJECT, [], known("raised"), LIVE)

        assert isinstance(command, RetractSignal)
        assert command.reason == MET_IN_TIME

    def test_one_whose_due_time_moved_is_retracted_and_raised_again(self) -> None:
        moved = DEADLINE._replace(due_at=DUE + timedelta(hours=1))

        first, second = verdicts(SUBJECT, [moved], known("raised"), LIVE)
        assert isinstance(first, RetractSignal)
        assert first.reason == DUE_MOVED
        assert isinstance(second, RaiseSignal)

    def test_one_whose_end_was_voided_is_retracted_and_raised_again(self) -> None:
        first, second = verdicts(SUBJECT, [DEADLINE], known("resolved", ENDED), LIVE)

        assert isinstance(first, RetractSignal)
        assert first.reason == END_DISPROVED
        assert isinstance(second, RaiseSignal)

    def test_a_retracted_one_is_raised_again_when_it_is_true_again(self) -> None:
        assert kinds(verdicts(SUBJECT, [DEADLINE], known("retracted"), LIVE)) == ["RaiseSignal"]

    def test_on_the_history_clock_a_signal_is_raised_when_it_was_due(self) -> None:
        [command] = verdicts(SUBJECT, [DEADLINE], {}, WatchClock(now=NOW))

        assert isinstance(command, RaiseSignal)
        assert (command.historical, command.raised_at) == (True, DUE)

    def test_what_fell_due_before_going_live_is_historical(self) -> None:
        assert WatchClock(now=NOW, live_at=NOW).is_historical(DUE)

    def test_what_an_import_makes_due_in_the_past_is_historical(self) -> None:
        clock = replace(LIVE, imported_until=NOW)
        assert clock.is_historical(DUE)
        assert not clock.is_historical(NOW)


def test_two_golden_actions_of_one_entering_are_two_signals() -> None:
    first = DEADLINE._replace(rule="golden_action_overdue", facts=(("action", "demo"),))
    second = first._replace(facts=(("action", "quote"),))

    assert deadline_signal_id(SUBJECT, first) != deadline_signal_id(SUBJECT, second)


def test_the_name_of_a_signal_depends_on_every_part() -> None:
    names = {
        signal_id("T1", ("opportunity", "O1"), "stalled", "E1"),
        signal_id("T2", ("opportunity", "O1"), "stalled", "E1"),
        signal_id("T1", ("opportunity", "O1"), "stalled", "E2"),
        signal_id("T1", ("opportunity", "O1s"), "talled", "E1"),
    }
    assert len(names) == 4
