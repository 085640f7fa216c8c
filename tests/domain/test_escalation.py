"""Escalations: opened by a signal, told, acknowledged, put off, handed over, resolved (N3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.default_policies import DEFAULT_POLICIES
from services.notifications.domain.escalation import (
    ESCALATION,
    RETRACTED,
    Acknowledged,
    EscalationEvent,
    EscalationIsResolved,
    Open,
    Snoozed,
    StepIsNotNext,
)
from services.notifications.domain.escalation_commands import (
    AcknowledgeEscalation,
    EscalationCommand,
    HandOverEscalation,
    OpenEscalation,
    ReachStep,
    ResolveEscalation,
    SnoozeEscalation,
)
from shared.errors import DomainError, Malformed, NotFound
from shared.events.notifications import (
    EscalationAcknowledged,
    EscalationHandedOver,
    EscalationOpened,
    EscalationResolved,
    EscalationSnoozed,
    EscalationStepReached,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
POLICY = DEFAULT_POLICIES[1]

OPEN = OpenEscalation(
    escalation_id="E1",
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="solution_shown",
    unit_id="team",
    unit_path=("company", "team"),
    owner_id="rep",
    due_at=NOW,
    policy=POLICY,
    digest=False,
    now=NOW,
)
OPENED = EscalationOpened(
    escalation_id="E1",
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="solution_shown",
    unit_id="team",
    unit_path=("company", "team"),
    owner_id="rep",
    due_at=NOW,
    policy=POLICY,
    digest=False,
    opened_at=NOW,
)
REACH = ReachStep(escalation_id="E1", level=0, person_ids=("rep",), channels=("inbox",), now=NOW)
REACHED = EscalationStepReached(
    escalation_id="E1", level=0, person_ids=("rep",), channels=("inbox",), reached_at=NOW
)
ACKNOWLEDGE = AcknowledgeEscalation(escalation_id="E1", by="rep", now=LATER)
ACKNOWLEDGED = EscalationAcknowledged(escalation_id="E1", by="rep", acknowledged_at=LATER)
SNOOZE = SnoozeEscalation(escalation_id="E1", by="rep", until=LATER, now=NOW)
SNOOZED = EscalationSnoozed(escalation_id="E1", by="rep", until=LATER, snoozed_at=NOW)
HAND_OVER = HandOverEscalation(escalation_id="E1", by="rep", to_person_id="other", now=LATER)
HANDED_OVER = EscalationHandedOver(
    escalation_id="E1", by="rep", to_person_id="other", handed_over_at=LATER
)
RESOLVE = ResolveEscalation(escalation_id="E1", by=None, reason="signal-resolved", now=LATER)
RESOLVED = EscalationResolved(
    escalation_id="E1", by=None, reason="signal-resolved", resolved_at=LATER
)

escalation = Spec(ESCALATION)


def test_a_signal_opens_an_escalation() -> None:
    escalation.when(OPEN).then(OPENED)


def test_opening_twice_does_nothing() -> None:
    escalation.given(OPENED).when(OPEN).then_nothing()


def test_a_signal_raised_again_after_a_retraction_is_escalated_again() -> None:
    retracted = replace(RESOLVED, reason=RETRACTED)
    escalation.given(OPENED, retracted).when(replace(OPEN, now=LATER)).then(
        replace(OPENED, opened_at=LATER)
    )


def test_what_somebody_resolved_is_not_opened_again() -> None:
    escalation.given(OPENED, RESOLVED).when(OPEN).then_nothing()


def test_the_next_step_tells_its_people() -> None:
    after = escalation.given(OPENED).when(REACH).then(REACHED)
    assert isinstance(after, Open)
    assert after.course.told == ("rep",)


def test_a_step_reached_twice_is_reached_once() -> None:
    escalation.given(OPENED, REACHED).when(REACH).then_nothing()


def test_no_step_is_left_out() -> None:
    escalation.given(OPENED).when(replace(REACH, level=1)).then_refused(StepIsNotNext)


def test_after_an_acknowledgement_nobody_is_told() -> None:
    escalation.given(OPENED, ACKNOWLEDGED).when(REACH).then_nothing()


def test_after_it_is_resolved_nobody_is_told() -> None:
    escalation.given(OPENED, RESOLVED).when(REACH).then_nothing()


def test_somebody_acknowledges() -> None:
    after = escalation.given(OPENED).when(ACKNOWLEDGE).then(ACKNOWLEDGED)
    assert isinstance(after, Acknowledged)


def test_acknowledging_twice_does_nothing() -> None:
    escalation.given(OPENED, ACKNOWLEDGED).when(ACKNOWLEDGE).then_nothing()


def test_acknowledging_what_is_resolved_is_refused() -> None:
    escalation.given(OPENED, RESOLVED).when(ACKNOWLEDGE).then_refused(EscalationIsResolved)


def test_a_snoozed_one_can_be_acknowledged() -> None:
    escalation.given(OPENED, SNOOZED).when(ACKNOWLEDGE).then(ACKNOWLEDGED)


def test_snoozing_puts_it_off() -> None:
    after = escalation.given(OPENED).when(SNOOZE).then(SNOOZED)
    assert isinstance(after, Snoozed)


def test_while_it_is_snoozed_nobody_is_told() -> None:
    escalation.given(OPENED, SNOOZED).when(REACH).then_nothing()


def test_after_the_snooze_it_goes_on() -> None:
    step = replace(REACH, now=LATER)
    escalation.given(OPENED, SNOOZED).when(step).then(replace(REACHED, reached_at=LATER))


def test_what_was_acknowledged_can_be_snoozed_and_comes_back() -> None:
    soon = replace(SNOOZE, now=LATER, until=LATER + timedelta(hours=1))
    escalation.given(OPENED, ACKNOWLEDGED).when(soon).then(
        replace(SNOOZED, snoozed_at=LATER, until=LATER + timedelta(hours=1))
    )


def test_snoozing_into_the_past_or_for_months_is_malformed() -> None:
    opened = escalation.given(OPENED)
    opened.when(replace(SNOOZE, until=NOW)).then_refused(Malformed)
    opened.when(replace(SNOOZE, until=NOW + timedelta(days=31))).then_refused(Malformed)


def test_handing_over_begins_the_steps_anew_with_the_new_holder() -> None:
    after = escalation.given(OPENED, REACHED).when(HAND_OVER).then(HANDED_OVER)
    assert isinstance(after, Open)
    assert after.course.holder_id == "other"
    assert after.course.next_level == 0
    assert after.course.running_since == LATER


def test_handing_over_what_was_acknowledged_opens_it_for_the_new_holder() -> None:
    after = escalation.given(OPENED, ACKNOWLEDGED).when(HAND_OVER).then(HANDED_OVER)
    assert isinstance(after, Open)


def test_handing_over_to_who_has_it_does_nothing() -> None:
    escalation.given(OPENED, HANDED_OVER).when(HAND_OVER).then_nothing()


def test_handing_over_or_snoozing_what_is_resolved_is_refused() -> None:
    resolved = escalation.given(OPENED, RESOLVED)
    resolved.when(HAND_OVER).then_refused(EscalationIsResolved)
    resolved.when(SNOOZE).then_refused(EscalationIsResolved)


def test_it_resolves_itself_and_says_why() -> None:
    escalation.given(OPENED, REACHED).when(RESOLVE).then(RESOLVED)
    escalation.given(OPENED, ACKNOWLEDGED).when(RESOLVE).then(RESOLVED)


def test_resolving_twice_does_nothing() -> None:
    escalation.given(OPENED, RESOLVED).when(RESOLVE).then_nothing()


def test_the_end_of_a_signal_that_was_never_escalated_is_no_news() -> None:
    escalation.when(RESOLVE).then_nothing()


def test_an_unknown_escalation_is_not_found() -> None:
    commands: tuple[EscalationCommand, ...] = (
        REACH,
        ACKNOWLEDGE,
        SNOOZE,
        HAND_OVER,
        replace(RESOLVE, by="rep"),
    )
    for command in commands:
        escalation.when(command).then_refused(NotFound)


def commands_at(minute: int) -> st.SearchStrategy[EscalationCommand]:
    now = NOW + timedelta(minutes=minute)
    return st.sampled_from(
        (
            replace(OPEN, now=now),
            replace(REACH, level=0, now=now),
            replace(REACH, level=1, now=now),
            replace(ACKNOWLEDGE, now=now),
            replace(SNOOZE, now=now, until=now + timedelta(minutes=3)),
            replace(HAND_OVER, now=now),
            replace(RESOLVE, now=now),
            replace(RESOLVE, now=now, reason=RETRACTED),
        )
    )


HISTORIES = st.tuples(*(commands_at(minute) for minute in range(12)))


@given(HISTORIES)
def test_repeating_an_accepted_command_adds_nothing(
    commands: tuple[EscalationCommand, ...],
) -> None:
    state = ESCALATION.initial
    for command in commands:
        try:
            state = ESCALATION.fold(ESCALATION.decide(command, state), state)
        except DomainError:
            continue
        assert list(ESCALATION.decide(command, state)) == []


@given(HISTORIES)
def test_replaying_decided_events_gives_the_same_state(
    commands: tuple[EscalationCommand, ...],
) -> None:
    state = ESCALATION.initial
    events: list[EscalationEvent] = []
    for command in commands:
        try:
            decided = ESCALATION.decide(command, state)
        except DomainError:
            continue
        events.extend(decided)
        state = ESCALATION.fold(decided, state)
    assert ESCALATION.fold(events) == state
