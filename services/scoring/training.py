"""Learning the chance to convert from closed leads: logistic regression, cross-validated.

Needs the extra `scoring`; what is learned is a `ConversionModel`, which needs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.scoring.domain.conversion_model import (
    Cells,
    ConversionModel,
    Feature,
    cell_of,
    cells_of,
)
from services.scoring.domain.conversion_models import Quality, refuse_short_history
from shared.errors import CannotGoOn
from shared.events.leads import LeadAttribute
from shared.events.scoring import CalibrationBin

FOLDS = 5
_RANGES = 8
_FEWEST_OF_A_CHOICE = 20
_STRENGTH = 0.3
"""Inverse of the ridge penalty: rare choices stay near the mean."""
_SEED = 20
_BINS = 10
_DECIMALS = 6

Traits = Mapping[str, LeadAttribute]


class Example(NamedTuple):
    """A closed lead: what was known of it before anybody contacted it, and what became of it."""

    traits: Traits
    converted: bool


class Trained(NamedTuple):
    """`quality`: of the same recipe on leads that it had not seen; `model` is from all of them."""

    model: ConversionModel
    quality: Quality


def train(examples: Sequence[Example]) -> Trained:
    """The same examples give the same weights. Raises HistoryIsTooShort, CannotGoOn."""
    refuse_short_history(len(examples), sum(each.converted for each in examples))
    learning = _Learning()
    with learning.one_thread():
        return Trained(learning.model(examples), learning.quality(examples))


class _Learning:
    """Imported here only: whoever does not train need not have it, nor wait for it."""

    def __init__(self) -> None:
        try:
            import numpy  # noqa: PLC0415
            from sklearn import linear_model, metrics, model_selection  # noqa: PLC0415
            from threadpoolctl import threadpool_limits  # noqa: PLC0415
        except ImportError as missing:
            raise CannotGoOn(
                "training needs scikit-learn: install pulsetrail[scoring]"
            ) from missing
        self._numpy: Any = numpy
        self._linear_model: Any = linear_model
        self._metrics: Any = metrics
        self._limits: Any = threadpool_limits
        self._folds: Any = model_selection.StratifiedKFold(
            n_splits=FOLDS, shuffle=True, random_state=_SEED
        )

    def one_thread(self) -> Any:
        """Its matrices are small: several threads would only wait for each other."""
        return self._limits(limits=1)

    def model(self, examples: Sequence[Example]) -> ConversionModel:
        """Calibrated on log odds that it gives to leads left out."""
        left_out = self._numpy.zeros(len(examples))
        outcomes = self._outcomes(examples)
        for known, unknown in self._folds.split(outcomes, outcomes):
            cells, fitted = self._fitted([examples[index] for index in known])
            table = self._table([examples[index] for index in unknown], cells)
            left_out[unknown] = fitted.decision_function(table)
        calibration = self._regression(1e6).fit(left_out.reshape(-1, 1), outcomes)
        cells, fitted = self._fitted(examples)
        return ConversionModel(
            features=_features(cells, fitted.coef_[0], self._table(examples, cells).mean(axis=0)),
            intercept=_plain(fitted.intercept_[0]),
            slope=_plain(calibration.coef_[0][0]),
            offset=_plain(calibration.intercept_[0]),
        )

    def quality(self, examples: Sequence[Example]) -> Quality:
        """Each lead judged by a model, with its calibration, learned from the other folds."""
        from services.scoring.domain.conversion_model import estimate  # noqa: PLC0415

        chances = self._numpy.zeros(len(examples))
        outcomes = self._outcomes(examples)
        for known, unknown in self._folds.split(outcomes, outcomes):
            model = self.model([examples[index] for index in known])
            for index in unknown:
                chances[index] = estimate(model, examples[index].traits).probability
        return Quality(
            auc=_plain(self._metrics.roc_auc_score(outcomes, chances)),
            brier=_plain(self._metrics.brier_score_loss(outcomes, chances)),
            calibration=calibration_bins([float(each) for each in chances], examples),
        )

    def _fitted(self, examples: Sequence[Example]) -> tuple[tuple[Cells, ...], Any]:
        cells = cells_of(
            [each.traits for each in examples], fewest=_FEWEST_OF_A_CHOICE, ranges=_RANGES
        )
        regression = self._regression(_STRENGTH)
        return cells, regression.fit(self._table(examples, cells), self._outcomes(examples))

    def _regression(self, strength: float) -> Any:
        return self._linear_model.LogisticRegression(
            C=strength, solver="newton-cholesky", max_iter=100
        )

    def _outcomes(self, examples: Sequence[Example]) -> Any:
        return self._numpy.array([each.converted for each in examples], dtype=int)

    def _table(self, examples: Sequence[Example], cells: Sequence[Cells]) -> Any:
        """A column a cell: 1 where the lead is in it."""
        starts = [sum(each.count for each in cells[:number]) for number in range(len(cells))]
        table = self._numpy.zeros((len(examples), sum(each.count for each in cells)))
        for row, example in enumerate(examples):
            for start, each in zip(starts, cells, strict=True):
                cell = cell_of(each.bounds, each.choices, example.traits.get(each.trait))
                table[row, start + cell] = 1.0
        return table


def calibration_bins(
    chances: Sequence[float], examples: Sequence[Example]
) -> tuple[CalibrationBin, ...]:
    """Tenths of probability that any lead fell into."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for chance, example in zip(chances, examples, strict=True):
        number = min(_BINS - 1, int(chance * _BINS))
        bins.setdefault(number, []).append((chance, example.converted))
    return tuple(
        CalibrationBin(
            begins=number / _BINS,
            ends=(number + 1) / _BINS,
            leads=len(found),
            predicted=round(sum(chance for chance, _ in found) / len(found), 4),
            observed=round(sum(converted for _, converted in found) / len(found), 4),
        )
        for number, found in sorted(bins.items())
    )


def _features(cells: Sequence[Cells], weights: Any, shares: Any) -> tuple[Feature, ...]:
    """`shares`: of the leads in each cell."""
    found = []
    start = 0
    for each in cells:
        own = [_plain(weight) for weight in weights[start : start + each.count]]
        part = shares[start : start + each.count]
        mean = sum(weight * float(share) for weight, share in zip(own, part, strict=True))
        found.append(
            Feature(
                trait=each.trait,
                bounds=each.bounds,
                choices=each.choices,
                weights=tuple(own),
                mean_weight=_plain(mean),
            )
        )
        start += each.count
    return tuple(found)


def _plain(value: Any) -> float:
    return round(float(value), _DECIMALS)
