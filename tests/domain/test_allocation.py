"""Who gets a lead, and that it is fair (L5, L7)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leads.domain.allocation import (
    AllocationRules,
    PassedOver,
    RepSituation,
    Track,
    Turns,
    UnitSituation,
    Why,
    after_turn,
    choose,
    eligibility,
    weights,
)
from services.leads.domain.allocation_book import (
    ALLOCATION_BOOK,
    AllocateLead,
    AllocationBook,
    NobodyIsEligible,
    NoteLeadLetGo,
    NoteLeadTaken,
    replayed_rep,
)
from shared.events.leads import LeadAllocated, RepLetGoOfLead, RepTookLead
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
RULES = AllocationRules(
    high_value_score=80,
    seen_for=timedelta(minutes=15),
    cap=30,
    newcomer_for=timedelta(days=14),
)
OPEN = UnitSituation()
book = Spec(ALLOCATION_BOOK)


def rep(rep_id: str, **more: Any) -> RepSituation:
    said: dict[str, Any] = {"joined_at": LONG_AGO, "seen_at": NOW, "on_duty": False}
    return RepSituation(rep_id=rep_id, **{**said, **more})


def reps(number: int, prefix: str = "rep", **more: Any) -> tuple[RepSituation, ...]:
    return tuple(rep(f"{prefix}-{each}", **more) for each in range(number))


def allocate(
    lead_id: str, those: tuple[RepSituation, ...], score: float = 60, **more: Any
) -> AllocateLead:
    said: dict[str, Any] = {
        "unit_id": "team-1",
        "round": 1,
        "rules": RULES,
        "unit": OPEN,
        "day": date(2026, 3, 2),
        "now": NOW,
    }
    return AllocateLead(lead_id=lead_id, score=score, reps=those, **{**said, **more})


def let_go(lead_id: str, waits_in: int | None = None) -> NoteLeadLetGo:
    return NoteLeadLetGo(unit_id="team-1", lead_id=lead_id, waits_in=waits_in)


def run(commands: list[AllocateLead], state: AllocationBook | None = None) -> list[LeadAllocated]:
    """Allocations in order; each lead is closed at once, so that the cap stays out of it."""
    now = AllocationBook() if state is None else state
    allocated: list[LeadAllocated] = []
    for command in commands:
        [event] = ALLOCATION_BOOK.decide(command, now)
        assert isinstance(event, LeadAllocated)
        assert replayed_rep(now, event) == event.rep_id
        allocated.append(event)
        now = ALLOCATION_BOOK.fold([event], now)
        now = ALLOCATION_BOOK.fold(ALLOCATION_BOOK.decide(let_go(command.lead_id), now), now)
    return allocated


def shares(allocated: list[LeadAllocated]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in allocated:
        found[event.rep_id] = found.get(event.rep_id, 0) + 1
    return found


class TestEligibility:
    @pytest.mark.parametrize(
        ("situation", "reason"),
        [
            ({"joined_at": NOW - timedelta(days=13)}, PassedOver.NEWCOMER),
            ({"seen_at": None}, PassedOver.OFFLINE),
            ({"seen_at": NOW - timedelta(minutes=15, milliseconds=1)}, PassedOver.OFFLINE),
        ],
    )
    def test_who_is_passed_over_and_why(self, situation: Any, reason: PassedOver) -> None:
        found = eligibility([rep("R", **situation)], {}, RULES, OPEN, NOW)
        assert (found.eligible, found.passed_over) == ((), {reason: ("R",)})

    @pytest.mark.parametrize(
        "situation",
        [
            {"joined_at": NOW - timedelta(days=14)},
            {"seen_at": NOW - timedelta(minutes=15)},
            {"seen_at": None, "on_duty": True},
        ],
    )
    def test_who_is_eligible(self, situation: Any) -> None:
        one = rep("R", **situation)
        found = eligibility([one], {"R": 29}, RULES, OPEN, NOW)
        assert found.eligible == (one,)

    def test_a_rep_at_the_cap_gets_no_more(self) -> None:
        found = eligibility([rep("R")], {"R": 30}, RULES, OPEN, NOW)
        assert found.passed_over == {PassedOver.AT_CAP: ("R",)}

    def test_outside_business_hours_nobody_is_online_not_even_on_duty(self) -> None:
        night = UnitSituation(in_business_hours=False)
        found = eligibility([rep("R", on_duty=True)], {}, RULES, night, NOW)
        assert found.passed_over == {PassedOver.OUTSIDE_BUSINESS_HOURS: ("R",)}

    def test_a_suspended_units_reps_get_nothing(self) -> None:
        found = eligibility([rep("R")], {}, RULES, UnitSituation(suspended=True), NOW)
        assert found.passed_over == {PassedOver.UNIT_SUSPENDED: ("R",)}


class TestWeights:
    def test_in_the_standard_track_all_weigh_the_same(self) -> None:
        both = [rep("A", won=9, closed=10), rep("B")]
        assert weights(both, Track.STANDARD) == {"A": 1000, "B": 1000}

    def test_win_rate_and_attainment_count_half_each(self) -> None:
        one = rep("A", won=5, closed=8, attainment=1.2)
        other = rep("B", won=2, closed=8, attainment=0.8)
        # p: 6/12 and 3/12, mean 0.375; a mean 1.0
        assert weights([one, other], Track.HIGH_VALUE) == {"A": 1267, "B": 733}

    def test_who_has_no_goal_is_weighed_by_the_win_rate_alone(self) -> None:
        those = [rep("A", attainment=1.5), rep("B", attainment=0.5), rep("C")]
        assert weights(those, Track.HIGH_VALUE) == {"A": 1250, "B": 750, "C": 1000}

    def test_without_goals_only_the_win_rate_counts(self) -> None:
        both = [rep("A", won=5, closed=8), rep("B", won=2, closed=8)]
        assert weights(both, Track.HIGH_VALUE) == {"A": 1333, "B": 667}

    def test_a_weight_is_never_under_a_half_or_over_two(self) -> None:
        strong = rep("A", won=96, closed=96)
        weak = tuple(rep(f"B{each}", won=0, closed=96) for each in range(3))
        found = weights([strong, *weak], Track.HIGH_VALUE)
        assert found == {"A": 2000, "B0": 500, "B1": 500, "B2": 500}

    def test_where_nobody_has_attained_anything_all_are_alike_in_it(self) -> None:
        both = [rep("A", attainment=0.0), rep("B", attainment=0.0)]
        assert weights(both, Track.HIGH_VALUE) == {"A": 1000, "B": 1000}


class TestBook:
    def test_an_allocation_holds_all_it_was_decided_from(self) -> None:
        those = (rep("A", won=5, closed=8), rep("B", won=2, closed=8), rep("C", seen_at=None))
        book.when(allocate("L1", those, score=80)).then(
            LeadAllocated(
                unit_id="team-1",
                lead_id="L1",
                round=1,
                number=1,
                track="high_value",
                score=80,
                is_high_value=True,
                rep_id="A",
                why=Why.HIGHEST_CURRENT_WEIGHT,
                weights={"A": 1333, "B": 667},
                win_rates={"A": 0.5, "B": 0.25},
                attainments={},
                passed_over={"offline": ["C"]},
                day=date(2026, 3, 2),
                allocated_at=NOW,
            )
        )

    def test_the_score_decides_on_the_track(self) -> None:
        tracks = [
            event.track
            for event in run([allocate("L1", reps(2), 79.9), allocate("L2", reps(2), 80)])
        ]
        assert tracks == ["standard", "high_value"]

    def test_a_lead_that_somebody_has_is_not_allocated_again(self) -> None:
        [first] = book.when(allocate("L1", reps(3))).events()
        book.given(first).when(allocate("L1", reps(3))).then_nothing()

    def test_a_lead_is_allocated_once_a_round_whoever_had_it_since(self) -> None:
        [first] = book.when(allocate("L1", reps(3))).events()
        gone = RepLetGoOfLead(unit_id="team-1", rep_id="rep-0", lead_id="L1")
        book.given(first, gone).when(allocate("L1", reps(3))).then_nothing()
        [again] = book.given(first, gone).when(allocate("L1", reps(3), round=2)).events()
        assert isinstance(again, LeadAllocated)
        assert (again.rep_id, again.number) == ("rep-1", 2)

    def test_nobody_eligible_says_who_was_passed_over_and_why(self) -> None:
        refusal = book.when(allocate("L1", (rep("A", seen_at=None),))).then_refused(
            NobodyIsEligible
        )
        assert isinstance(refusal, NobodyIsEligible)
        assert refusal.passed_over == {"offline": ("A",)}

    def test_a_unit_without_reps_has_nobody_to_pass_over(self) -> None:
        refusal = book.when(allocate("L1", ())).then_refused(NobodyIsEligible)
        assert isinstance(refusal, NobodyIsEligible)
        assert refusal.passed_over == {}

    def test_open_leads_count_for_the_cap_until_they_are_let_go_of(self) -> None:
        took = [
            RepTookLead(unit_id="team-1", rep_id="rep-0", lead_id=f"H{number}")
            for number in range(30)
        ]
        full = book.given(*took)
        full.when(allocate("L1", reps(1))).then_refused(NobodyIsEligible)
        gone = RepLetGoOfLead(unit_id="team-1", rep_id="rep-0", lead_id="H3")
        full.when(let_go("H3")).then(gone)
        assert full.given(gone).when(allocate("L1", reps(1))).events() != []
        full.given(gone).when(let_go("H3")).then_nothing()

    def test_a_lead_given_to_another_by_hand_counts_there(self) -> None:
        take = NoteLeadTaken(unit_id="team-1", rep_id="rep-1", lead_id="L1")
        took = RepTookLead(unit_id="team-1", rep_id="rep-1", lead_id="L1")
        [allocated] = book.when(allocate("L1", reps(1))).events()
        state = book.given(allocated).when(take).then(took)
        assert dict(state.open_leads) == {"rep-0": 0, "rep-1": 1}
        book.given(allocated, took).when(take).then_nothing()

    def test_what_is_allocated_in_the_round_in_which_a_lead_waits_is_yet_to_come(self) -> None:
        [allocated] = book.when(allocate("L1", reps(1), round=2)).events()
        book.given(allocated).when(let_go("L1", waits_in=2)).then_nothing()
        gone = RepLetGoOfLead(unit_id="team-1", rep_id="rep-0", lead_id="L1")
        book.given(allocated).when(let_go("L1", waits_in=3)).then(gone)
        book.given(allocated).when(let_go("L1")).then(gone)


def gini(numbers: list[int]) -> float:
    pairs = sum(abs(one - other) for one in numbers for other in numbers)
    return pairs / (2 * len(numbers) * sum(numbers))


TRACK_SCORES = st.sampled_from([60, 90])


@given(
    number=st.integers(1, 12),
    rounds=st.integers(1, 4),
    score=TRACK_SCORES,
    attainment=st.sampled_from([None, 0.0, 0.7, 1.0]),
)
def test_equal_reps_get_equal_shares_over_full_rounds(
    number: int, rounds: int, score: int, attainment: float | None
) -> None:
    those = reps(number, attainment=attainment)
    found = shares(run([allocate(f"L{each}", those, score) for each in range(number * rounds)]))
    assert set(found.values()) == {rounds}
    assert gini(list(found.values())) == 0.00


@settings(max_examples=15, deadline=None)
@given(
    records=st.lists(
        st.tuples(
            st.integers(0, 6),
            st.integers(0, 6),
            st.sampled_from([None, 0.0, 0.5, 1.0, 1.5]),
        ),
        min_size=2,
        max_size=5,
    ),
    data=st.data(),
)
def test_no_permutation_of_ids_changes_the_shares_over_full_rounds(
    records: list[tuple[int, int, float | None]], data: st.DataObject
) -> None:
    """A full round has as many leads as the weights add up to, cut by what all have in common."""
    ids = [f"rep-{each}" for each in range(len(records))]
    renamed = data.draw(st.permutations(ids))

    def served(names: list[str]) -> list[int]:
        those = sorted(
            (
                rep(name, won=won, closed=won + lost, attainment=attained)
                for name, (won, lost, attained) in zip(names, records, strict=True)
            ),
            key=lambda each: each.rep_id,
        )
        weighed = weights(those, Track.HIGH_VALUE)
        turns, found = Turns(), dict.fromkeys(names, 0)
        for number in range(sum(weighed.values())):
            chosen = choose(turns, weighed, Track.HIGH_VALUE).rep_id
            found[chosen] += 1
            turns = after_turn(turns, weighed, Track.HIGH_VALUE, chosen, number + 1)
        assert found == weighed
        return [found[name] for name in names]

    assert served(ids) == served(renamed)


@given(online=st.lists(st.sets(st.integers(1, 5)), min_size=60, max_size=120), score=TRACK_SCORES)
def test_nobody_who_is_eligible_all_along_starves(online: list[set[int]], score: int) -> None:
    """Whoever comes and goes meanwhile, and however little the one who stays weighs."""
    patient = rep("rep-0", won=0, closed=96, attainment=0.0)
    strong = [rep(f"rep-{each}", won=96, closed=96, attainment=3.0) for each in range(6)]
    allocated = run(
        [
            allocate(f"L{number}", (patient, *(strong[each] for each in sorted(there))), score)
            for number, there in enumerate(online)
        ]
    )
    waited = longest = 0
    for event in allocated:
        waited = 0 if event.rep_id == "rep-0" else waited + 1
        longest = max(longest, waited)
    assert longest <= 8 * 6


@given(
    steps=st.lists(
        st.tuples(st.sets(st.integers(0, 4), min_size=1), TRACK_SCORES), min_size=1, max_size=40
    )
)
def test_replaying_the_log_gives_the_same_reps(steps: list[tuple[set[int], int]]) -> None:
    """From the events alone: without settings, presence or anybody's deals."""
    those = [
        rep(f"rep-{each}", won=each, closed=4 + each, attainment=each / 2) for each in range(5)
    ]
    allocated = run(
        [
            allocate(f"L{number}", tuple(those[each] for each in sorted(there)), score)
            for number, (there, score) in enumerate(steps)
        ]
    )
    replayed = AllocationBook()
    for event in allocated:
        assert replayed_rep(replayed, event) == event.rep_id
        replayed = ALLOCATION_BOOK.fold([event], replayed)


def test_of_equals_the_least_recently_served_comes_next() -> None:
    served = [event.rep_id for event in run([allocate(f"L{n}", reps(3), 90) for n in range(6)])]
    assert served == ["rep-0", "rep-1", "rep-2"] * 2


def test_who_was_away_comes_next_but_catches_nothing_up() -> None:
    three = reps(3)
    away = (three[0], three[1])
    order = [away, away, away, away, three, three, three, three]
    served = [
        event.rep_id for event in run([allocate(f"L{n}", there) for n, there in enumerate(order)])
    ]
    assert served[4:] == ["rep-2", "rep-0", "rep-1", "rep-2"]
