"""Health at the ends of days: recorded when it changes, low on two days in a row told once (S2)."""

from dataclasses import replace
from datetime import date, timedelta

from services.scoring.domain.health import DEFAULT_RULES, Health, health
from services.scoring.domain.health_record import (
    HEALTH,
    EndHealth,
    HealthOf,
    RecordHealth,
    Subject,
)
from shared.events.scoring import HealthRecovered, HealthScored, HealthStayedLow
from tests.domain.scoring_examples import DAY, NOW

SUBJECT = Subject(
    kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="leads",
    owner_id="rep-1",
    unit_path=("company", "team-1"),
)
LOW = health(DEFAULT_RULES, {"silence": 2.0})
FINE = health(DEFAULT_RULES, {"silence": 0.0})
JUST = health(DEFAULT_RULES, {"silence": 0.8})


def at_end_of(
    day: int, scored: Health, beside: tuple[int, float | None] | None = None
) -> RecordHealth:
    return RecordHealth(
        subject=SUBJECT,
        health=scored,
        rules_version=1,
        low_below=60.0,
        beside=beside,
        open_since=date(2026, 2, 27),
        day=date(2026, 3, day),
        now=NOW + day * DAY,
    )


def told(*commands: RecordHealth | EndHealth) -> list[list[str]]:
    """The names of the events of each command."""
    state: HealthOf = HEALTH.initial
    names = []
    for command in commands:
        events = HEALTH.decide(command, state)
        state = HEALTH.fold(events, state)
        names.append([type(event).__name__ for event in events])
    return names


def test_a_score_is_recorded_with_its_contributions() -> None:
    [event] = HEALTH.decide(at_end_of(1, FINE), HEALTH.initial)
    assert isinstance(event, HealthScored)
    assert (event.score, event.low_since, event.rules_version) == (100.0, None, 1)
    assert [part.input for part in event.parts] == ["silence"]


def test_sixty_is_not_low() -> None:
    assert JUST.score == 60.0
    [event] = HEALTH.decide(at_end_of(1, JUST), HEALTH.initial)
    assert isinstance(event, HealthScored)
    assert event.low_since is None


def test_the_same_score_is_not_said_again() -> None:
    assert told(at_end_of(1, FINE), at_end_of(2, FINE)) == [["HealthScored"], []]


def test_low_on_two_days_in_a_row_brings_the_manager_in_once() -> None:
    assert told(at_end_of(1, LOW), at_end_of(2, LOW), at_end_of(3, LOW)) == [
        ["HealthScored"],
        ["HealthStayedLow"],
        [],
    ]


def test_low_on_one_day_only_brings_nobody_in() -> None:
    said = told(at_end_of(1, LOW), at_end_of(2, FINE), at_end_of(3, LOW))
    assert said == [["HealthScored"]] * 3


def test_the_manager_gets_a_kit_of_wording_for_what_is_weakest() -> None:
    state = HEALTH.fold(HEALTH.decide(at_end_of(1, LOW), HEALTH.initial))
    [event] = HEALTH.decide(at_end_of(2, LOW), state)
    assert isinstance(event, HealthStayedLow)
    assert event.weakest == ["silence"]
    assert set(event.wording) == {"zh", "en"}
    assert event.low_since == date(2026, 3, 1)


def test_days_before_it_was_reopened_are_not_in_a_row_with_those_after() -> None:
    reopened = replace(at_end_of(4, LOW), open_since=date(2026, 3, 4))
    following = replace(at_end_of(5, LOW), open_since=date(2026, 3, 4))
    assert told(at_end_of(1, LOW), reopened, following) == [
        ["HealthScored"],
        ["HealthScored"],
        ["HealthStayedLow"],
    ]


def test_a_better_day_ends_it() -> None:
    said = told(at_end_of(1, LOW), at_end_of(2, LOW), at_end_of(3, FINE))
    assert said[-1] == ["HealthScored", "HealthRecovered"]


def test_closing_ends_it() -> None:
    end = EndHealth(kind="opportunity", subject_id="O1", now=NOW + 4 * DAY)
    assert told(at_end_of(1, LOW), at_end_of(2, LOW), end)[-1] == ["HealthRecovered"]
    assert told(at_end_of(1, LOW), end)[-1] == []


def test_a_day_recorded_twice_says_nothing_more() -> None:
    assert told(at_end_of(1, LOW), at_end_of(1, FINE)) == [["HealthScored"], []]


def test_proposed_rules_score_beside_those_in_force() -> None:
    [event] = HEALTH.decide(at_end_of(1, FINE, beside=(2, 40.0)), HEALTH.initial)
    assert isinstance(event, HealthScored)
    assert (event.score, event.beside_version, event.beside_score) == (100.0, 2, 40.0)


def test_a_recovery_names_when_it_was_told() -> None:
    state: HealthOf = HEALTH.initial
    for command in (at_end_of(1, LOW), at_end_of(2, LOW)):
        state = HEALTH.fold(HEALTH.decide(command, state), state)
    events = HEALTH.decide(at_end_of(3, FINE), state)
    recovered = events[-1]
    assert isinstance(recovered, HealthRecovered)
    assert recovered.recovered_at - recovered.stayed_low_at == timedelta(days=1)
