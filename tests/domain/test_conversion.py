"""The chance of a lead: a score card with each contribution, models beside rules (S1)."""

from dataclasses import replace
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.conversion_estimate import (
    CONVERSION,
    Conversion,
    EstimateConversion,
    Learned,
)
from services.scoring.domain.conversion_model import (
    ConversionModel,
    Feature,
    cell_of,
    cells_of,
    estimate,
)
from services.scoring.domain.conversion_models import (
    CONVERSION_MODELS,
    HistoryIsTooShort,
    Models,
    NoteTrainedModel,
    PutModelIntoEffect,
    Quality,
)
from services.scoring.domain.lead_behaviour import LeadBehaviour, RulePoints, points_so_far
from shared.errors import NotFound
from shared.events.leads import LeadAttribute
from shared.events.scoring import ConversionModelTookEffect, ConversionModelTrained
from tests.domain.scoring_examples import NOW

VISITS = Feature(
    trait="visits", bounds=(2.0, 5.0), choices=(), weights=(0.0, -1.0, 0.5, 1.0), mean_weight=0.0
)
ORIGIN = Feature(
    trait="origin", bounds=None, choices=("form",), weights=(0.0, -0.5, 2.0), mean_weight=0.5
)
MODEL = ConversionModel(features=(VISITS, ORIGIN), intercept=-1.0, slope=1.0, offset=0.0)
LEARNED = Learned(model=MODEL, version=1, sha256="a" * 64)
POINTS = RulePoints(source=30.0, behaviour=10.0, timeliness=30.0)
BY_RULES = EstimateConversion(
    lead_id="L1", traits={}, points=POINTS, answering=None, beside=None, now=NOW
)
GOOD = Quality(auc=0.9, brier=0.1, calibration=())
TRAINED = NoteTrainedModel(
    sha256="a" * 64, leads=500, converted=200, folds=5, quality=GOOD, features=("visits",), now=NOW
)


def test_numbers_fall_into_ranges_and_words_into_choices() -> None:
    assert [cell_of(VISITS.bounds, (), each) for each in (None, 0, 2.0, 4.9, 5, "x")] == [
        0, 1, 2, 2, 3, 0,
    ]  # fmt: skip
    assert [cell_of(None, ("form",), each) for each in (None, "else", "form", True)] == [0, 1, 2, 1]


def test_the_contributions_are_shown_the_strongest_first() -> None:
    found = estimate(MODEL, {"visits": 7.0, "origin": "form"})
    assert found.probability == pytest.approx(0.880797)
    assert [(part.name, part.value, part.points) for part in found.parts] == [
        ("origin", "form", 1.5),
        ("visits", "7.0", 1.0),
    ]


@given(
    st.one_of(st.none(), st.floats(-10, 10)), st.one_of(st.none(), st.sampled_from(["form", "x"]))
)
def test_the_contributions_add_up_from_the_mean_lead(
    visits: float | None, origin: str | None
) -> None:
    found = estimate(MODEL, {"visits": visits, "origin": origin})
    mean = MODEL.intercept + VISITS.mean_weight + ORIGIN.mean_weight
    odds = mean + sum(part.points for part in found.parts)
    assert log(found.probability / (1 - found.probability)) == pytest.approx(odds, abs=1e-3)


def test_traits_are_cut_into_equal_ranges_and_choices_that_enough_have() -> None:
    examples: list[dict[str, LeadAttribute]] = [
        {"n": float(number), "c": "often", "same": "x"} for number in range(40)
    ]
    examples[0]["c"] = "once"
    found = {each.trait: each for each in cells_of(examples, fewest=20, ranges=4)}
    assert found["n"].bounds == (10.0, 20.0, 30.0)
    assert found["c"].choices == ("often",)
    assert "same" not in found


def test_the_rules_answer_where_no_model_is_in_force() -> None:
    [said] = CONVERSION.decide(BY_RULES, Conversion())
    assert (said.by, said.score, said.probability, said.model_version) == (
        "rules",
        70.0,
        None,
        None,
    )
    assert [(part.name, part.points) for part in said.parts] == [
        ("source", 30.0), ("behaviour", 10.0), ("timeliness", 30.0),
    ]  # fmt: skip


def test_what_a_model_answers_is_recorded_with_its_version() -> None:
    command = replace(BY_RULES, traits={"visits": 7.0, "origin": "form"}, answering=LEARNED)
    [said] = CONVERSION.decide(command, Conversion())
    assert (said.by, said.model_version, said.model_sha256) == ("model", 1, "a" * 64)
    assert said.probability == pytest.approx(0.880797)
    assert [part.name for part in said.parts] == ["origin", "visits"]


def test_a_new_model_estimates_beside_before_it_answers() -> None:
    [said] = CONVERSION.decide(replace(BY_RULES, beside=LEARNED), Conversion())
    assert (said.by, said.score, said.beside_version) == ("rules", 70.0, 1)
    assert said.beside_probability is not None


def test_the_same_answer_is_not_recorded_again() -> None:
    first = CONVERSION.fold(CONVERSION.decide(BY_RULES, Conversion()))
    assert CONVERSION.decide(BY_RULES, first) == []
    better = replace(BY_RULES, points=replace(POINTS, behaviour=20.0))
    assert len(CONVERSION.decide(better, first)) == 1


def test_before_the_rules_judged_a_lead_what_it_did_counts_at_once() -> None:
    lead = LeadBehaviour(
        lead_id="L1",
        customer_id="C1",
        unit_path=("company",),
        captured_at=NOW,
        changed_at=NOW,
        traits={"source": "referral"},
        behaviours=("demo_booked", "demo_booked", "unheard-of"),
    )
    worth = {"referral": 30.0, "demo_booked": 15.0, "other": 10.0}
    assert points_so_far(lead, worth) == RulePoints(source=30.0, behaviour=15.0, timeliness=30.0)
    judged = replace(lead, points=POINTS)
    assert points_so_far(judged, worth) == POINTS


def after(*commands: NoteTrainedModel | PutModelIntoEffect) -> Models:
    models = CONVERSION_MODELS.initial
    for command in commands:
        models = CONVERSION_MODELS.fold(CONVERSION_MODELS.decide(command, models), models)
    return models


@pytest.mark.parametrize(("leads", "converted"), [(199, 100), (500, 29), (500, 471)])
def test_a_short_history_teaches_nothing(leads: int, converted: int) -> None:
    command = replace(TRAINED, leads=leads, converted=converted)
    with pytest.raises(HistoryIsTooShort):
        CONVERSION_MODELS.decide(command, Models())


def test_a_model_answers_once_somebody_puts_it_into_effect() -> None:
    trained = after(TRAINED)
    assert trained.answering is None
    assert trained.beside is not None
    into_effect = PutModelIntoEffect(version=1, now=NOW)
    [event] = CONVERSION_MODELS.decide(into_effect, trained)
    assert isinstance(event, ConversionModelTookEffect)
    assert event.sha256 == "a" * 64
    in_effect = after(TRAINED, into_effect)
    assert in_effect.beside is None
    assert CONVERSION_MODELS.decide(into_effect, in_effect) == []


def test_the_rules_can_answer_again() -> None:
    back = PutModelIntoEffect(version=None, now=NOW)
    models = after(TRAINED, PutModelIntoEffect(version=1, now=NOW), back)
    assert models.answering is None


def test_a_model_that_was_never_trained_is_not_found() -> None:
    with pytest.raises(NotFound):
        CONVERSION_MODELS.decide(PutModelIntoEffect(version=2, now=NOW), after(TRAINED))


def test_the_same_weights_again_are_no_other_model() -> None:
    assert CONVERSION_MODELS.decide(TRAINED, after(TRAINED)) == []
    [event] = CONVERSION_MODELS.decide(replace(TRAINED, sha256="b" * 64), after(TRAINED))
    assert isinstance(event, ConversionModelTrained)
    assert event.version == 2
