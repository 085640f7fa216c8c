"""Learning the chance to convert: calibrated, cross-validated, never from what is learned later."""

import csv
from collections.abc import Mapping
from pathlib import Path
from random import Random

import msgspec
import pytest

from services.scoring.domain.conversion_model import ConversionModel, estimate
from services.scoring.domain.conversion_models import HistoryIsTooShort
from services.scoring.queries.conversions import model_bytes
from services.scoring.training import FOLDS, Example, Trained, calibration_bins, train
from shared.events.leads import LeadAttribute
from tests.oracle.logs import SAMPLES

X_EDUCATION = SAMPLES / "xeducation_leads" / "dev.csv"
NO_TRAITS = {"Prospect ID", "Lead Number", "Converted", "Unnamed: 37"}
LEAKING = {"Tags", "Lead Quality", "Lead Profile"}
NUMBERS = {"TotalVisits", "Total Time Spent on Website", "Page Views Per Visit"}


def made_up(count: int) -> list[Example]:
    """Whoever asked for a demo and stayed long converts more often; the rest is chance."""
    chance = Random(7)
    found = []
    for _ in range(count):
        traits: dict[str, LeadAttribute] = {
            "source": chance.choice(("web_form", "referral", "bought_list")),
            "behaviour:demo_booked": True if chance.random() < 0.4 else None,
            "attribute:seconds": round(chance.expovariate(1 / 300)),
        }
        odds = 0.1 + 0.5 * bool(traits["behaviour:demo_booked"])
        odds += 0.3 if float(traits["attribute:seconds"] or 0) > 300 else 0
        found.append(Example(traits, chance.random() < odds))
    return found


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(made_up(600))


def test_it_tells_good_leads_from_bad_ones(trained: Trained) -> None:
    good: dict[str, LeadAttribute] = {
        "source": "web_form",
        "behaviour:demo_booked": True,
        "attribute:seconds": 900,
    }
    bad: dict[str, LeadAttribute] = {"source": "web_form", "attribute:seconds": 10}
    assert estimate(trained.model, good).probability > 0.7
    assert estimate(trained.model, bad).probability < 0.25
    assert estimate(trained.model, good).parts[0].name == "behaviour:demo_booked"
    assert trained.quality.auc > 0.75
    assert trained.quality.brier < 0.2


def test_it_is_calibrated(trained: Trained) -> None:
    bins = [each for each in trained.quality.calibration if each.leads >= 50]
    assert len(bins) >= 3
    for each in bins:
        assert each.predicted == pytest.approx(each.observed, abs=0.12)


def test_the_same_history_gives_the_same_weights(trained: Trained) -> None:
    assert model_bytes(train(made_up(600)).model) == model_bytes(trained.model)


def test_weights_are_read_from_plain_json(trained: Trained) -> None:
    content = model_bytes(trained.model)
    assert msgspec.json.decode(content, type=ConversionModel) == trained.model
    assert content.startswith(b"{")


def test_a_short_history_is_refused() -> None:
    with pytest.raises(HistoryIsTooShort):
        train(made_up(199))


def test_a_probability_of_one_is_in_the_last_tenth() -> None:
    [last] = calibration_bins([1.0, 0.95], [Example({}, True), Example({}, False)])
    assert (last.begins, last.ends, last.leads, last.observed) == (0.9, 1.0, 2, 0.5)


def examples_of(path: Path) -> list[Example]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [Example(traits_of(row), row["Converted"] == "1") for row in csv.DictReader(file)]


def traits_of(row: Mapping[str, str]) -> dict[str, LeadAttribute]:
    """What is filled in after the contact is left out, as for a lead that comes in."""
    found: dict[str, LeadAttribute] = {}
    for name, text in row.items():
        if name in NO_TRAITS | LEAKING or name.startswith("Asymmetrique"):
            continue
        said = text.strip()
        if said and said != "Select":
            found[f"attribute:{name}"] = float(said) if name in NUMBERS else said
    return found


@pytest.mark.skipif(not X_EDUCATION.exists(), reason="the leads of X Education are not there")
def test_the_leads_of_x_education_are_told_apart_and_calibrated() -> None:
    """Of the public data set; 5-fold."""
    quality = train(examples_of(X_EDUCATION)).quality
    print(f"AUC {quality.auc:.4f}, Brier {quality.brier:.4f}, {FOLDS}-fold")
    assert quality.auc >= 0.86
    assert quality.brier <= 0.145
    assert sum(each.leads for each in quality.calibration) == 6_468
    for each in quality.calibration:
        assert each.predicted == pytest.approx(each.observed, abs=0.1)
