"""What people do adds up to the same figures in whatever order it comes to be known (P4, P8)."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.projections.domain.action_health import (
    ActionHealthSettings,
    CompleteVisit,
    MonthOfActions,
    action_health,
)
from services.projections.domain.every_thing import every_contribution, every_thing
from services.projections.domain.goal_board import (
    CustomerVisited,
    FirstVisits,
    ScopeMonth,
    first_visits,
    is_red,
)
from services.projections.domain.goals import divided
from services.projections.domain.opportunity_row import OpportunityProcess
from shared.projection import Point
from tests.domain.opportunity_examples import NOW, at, opened, opportunity
from tests.domain.process_examples import folded, recorded_event
from tests.domain.test_visits import ATTACH, BOOK, CARD, FILL, START

DAY = timedelta(days=1)


def story(order: tuple[Any, ...]) -> list[Any]:
    """A visit that began at 1 o'clock; its parts come to be known in some order."""
    events: list[Any] = [opened()]
    for command in (START, *order):
        events += opportunity.given(*events).when(command).events()
    return events


def row_of(events: list[Any]) -> OpportunityProcess:
    return folded(recorded_event(event, number, NOW) for number, event in enumerate(events, 1))


def test_a_visit_counts_the_same_in_whatever_order_its_parts_arrive() -> None:
    parts = (ATTACH, FILL, BOOK, replace(CARD, occurred_at=at(3)))
    rows = [row_of(story(order)) for order in permutations(parts)]
    figures = {
        frozenset(
            (point.figure, point.unit_id, point.rep_id, point.at)
            for point in every_contribution(row)
            if point.figure == "visit"
        )
        for row in rows
    }
    assert len(figures) == 1
    assert {row.visits[0].complete_at for row in rows} == {at(3)}


def test_figures_are_the_sum_of_the_things_behind_them() -> None:
    row = row_of(story((ATTACH, FILL, BOOK, CARD)))
    summed: Counter[Point] = Counter()
    for thing in every_thing(row):
        for unit_id, rep_id in thing.scopes:
            key = (thing.figure, unit_id, rep_id, thing.stage, thing.action)
            summed[Point(*key, thing.at)] += 1
            if thing.is_state and thing.until is not None:
                summed[Point(*key, thing.until)] -= 1
    assert {point: amount for point, amount in summed.items() if amount} == every_contribution(row)


def visit(day: int, path: str, kind: str = "pharmacy") -> CompleteVisit:
    return CompleteVisit(NOW + day * DAY, kind, path)


def test_the_index_is_the_mean_of_what_was_reached_of_each_norm() -> None:
    visits = [visit(day, "sabcfnu") for day in range(3)]
    month = MonthOfActions(recorded=20, timely=19, visits=visits)
    measured = action_health(month)
    assert (measured.timeliness, measured.richness, measured.consistency) == (0.95, 3, 1)
    assert measured.index == pytest.approx((1 + 3 / 3.2 + 1) / 3 * 100)
    assert measured.weakest == "richness"


def test_two_visits_say_nothing_of_consistency() -> None:
    month = MonthOfActions(visits=[visit(1, "sabc"), visit(2, "sabc")])
    measured = action_health(month)
    assert (measured.consistency, measured.timeliness) == (None, None)
    assert measured.index == pytest.approx(3 / 3.2 * 100)


def test_consistency_weighs_the_types_of_customers_by_their_visits() -> None:
    alike = [visit(day, "sabc") for day in range(6)]
    unlike = [visit(day, path, "clinic") for day, path in enumerate(("aaaa", "bbbb", "cccc"))]
    measured = action_health(MonthOfActions(visits=alike + unlike))
    assert measured.consistency == pytest.approx(6 / 9)


def test_only_the_last_three_visits_of_a_type_are_compared() -> None:
    visits = [visit(0, "zzzz"), *(visit(day, "sabc") for day in (1, 2, 3))]
    assert action_health(MonthOfActions(visits=visits)).consistency == 1


def test_nothing_done_has_no_index() -> None:
    assert action_health(MonthOfActions(), ActionHealthSettings()).index is None


def customer(*visits: int, won: tuple[int, ...] = ()) -> CustomerVisited:
    moments = tuple(NOW + day * DAY for day in visits)
    return CustomerVisited(
        customer_id="C1",
        first_at=moments[0],
        visits=moments,
        won=tuple(NOW + day * DAY for day in won),
    )


@pytest.mark.parametrize(
    ("course", "closed"),
    [
        (customer(0, won=(90,)), True),
        (customer(0, won=(91,)), False),
        (customer(0, 5, won=(10,)), False),
        (customer(0, 15, won=(10,)), True),
        (customer(0), False),
    ],
)
def test_a_first_visit_closes_by_being_won_in_time_without_a_second(
    course: CustomerVisited, closed: bool
) -> None:
    assert course.is_closed_at_once(90) == closed


def test_first_visits_are_judged_when_their_days_are_over() -> None:
    visited = [customer(0, won=(1,)), customer(3)]
    assert first_visits(visited, 90, NOW + 90 * DAY) == FirstVisits(1, 1)
    assert first_visits(visited, 90, NOW + 93 * DAY) == FirstVisits(1, 2)
    assert first_visits(visited, 90, NOW + 89 * DAY).rate is None


def months(leads: int, closed: int, visited: int) -> ScopeMonth:
    return ScopeMonth(valid_leads=leads, first_visits=FirstVisits(closed, visited))


@pytest.mark.parametrize(
    ("own", "target", "red"),
    [
        (months(5, 8, 20), 5, True),
        (months(4, 8, 20), 5, False),
        (months(5, 17, 40), 5, False),
        (months(5, 8, 20), None, False),
        (months(5, 0, 0), 5, False),
    ],
)
def test_a_unit_is_red_on_target_with_first_visits_far_below_its_siblings(
    own: ScopeMonth, target: float | None, red: bool
) -> None:
    """0.85 × the mean of 0.4 and 0.6 is 0.425."""
    siblings = [months(1, 4, 10), months(1, 6, 10)]
    assert is_red(own, target, siblings) == red


def test_a_goal_is_divided_into_whole_parts_that_add_up() -> None:
    assert divided(10, [("a", 1), ("b", 1), ("c", 1)]) == {"a": 4, "b": 3, "c": 3}
    assert divided(7, [("a", 0), ("b", 3), ("c", 1)]) == {"a": 0, "b": 5, "c": 2}
    assert divided(7, [("a", 0)]) == {"a": 0}


def test_a_deed_is_known_by_its_event() -> None:
    row = row_of(story((ATTACH, FILL, BOOK, CARD)))
    [found] = [thing for thing in every_thing(row) if thing.figure == "visit"]
    assert len(found.event_ids) == 6
