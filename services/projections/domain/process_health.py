"""The process health index of a unit or rep in a week, its parts and its row on the board (P3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PARTS = ("stage_compliance", "evidence_rate", "silence_overrun")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFigures:
    """What was counted: changes and evidence in the window, the rest at its end."""

    moved: int = 0
    skipped: int = 0
    evidence_required: int = 0
    evidence_complete: int = 0
    open: int = 0
    overrun: int = 0
    dwell_open: Mapping[str, int] = field(default_factory=dict)
    dwell_overrun: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_something(self) -> bool:
        return bool(self.moved or self.evidence_required or self.open)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """Weights and healthy ranges; `index_uses`: silence or dwell."""

    weight_stage_compliance: float = 0.6
    weight_evidence_rate: float = 0.3
    weight_silence_overrun: float = 0.1
    healthy_stage_compliance: float = 0.92
    healthy_evidence_rate: float = 0.85
    healthy_silence_overrun: float = 0.15
    index_uses: str = "silence"


DEFAULT_HEALTH_SETTINGS = HealthSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Ratios between 0 and 1, None where there is nothing to count; `index` from 0 to 100."""

    stage_compliance: float | None
    evidence_rate: float | None
    silence_overrun: float | None
    dwell_overrun: float | None
    index: float | None


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def health(figures: WeekFigures, settings: HealthSettings = DEFAULT_HEALTH_SETTINGS) -> Health:
    """P3: 0.6 × compliance + 0.3 × evidence + 0.1 × (1 − overrun), over the weights that remain."""
    compliance = ratio(figures.moved - figures.skipped, figures.moved)
    evidence = ratio(figures.evidence_complete, figures.evidence_required)
    silence = ratio(figures.overrun, figures.open)
    dwell = ratio(sum(figures.dwell_overrun.values()), sum(figures.dwell_open.values()))
    overrun = dwell if settings.index_uses == "dwell" else silence
    weighed = [
        (settings.weight_stage_compliance, compliance),
        (settings.weight_evidence_rate, evidence),
        (settings.weight_silence_overrun, None if overrun is None else 1 - overrun),
    ]
    present = [(weight, part) for weight, part in weighed if part is not None]
    weight = sum(each for each, _ in present)
    return Health(
        stage_compliance=compliance,
        evidence_rate=evidence,
        silence_overrun=silence,
        dwell_overrun=dwell,
        index=100 * sum(each * part for each, part in present) / weight if weight else None,
    )


def healthy_index(settings: HealthSettings = DEFAULT_HEALTH_SETTINGS) -> float:
    """The index, 0-100, of which every part stands just at the border of its healthy range (P3)."""
    weighed = (
        (settings.weight_stage_compliance, settings.healthy_stage_compliance),
        (settings.weight_evidence_rate, settings.healthy_evidence_rate),
        (settings.weight_silence_overrun, 1 - settings.healthy_silence_overrun),
    )
    return 100 * sum(weight * part for weight, part in weighed) / sum(each for each, _ in weighed)


def unhealthy_parts(
    measured: Health, settings: HealthSettings = DEFAULT_HEALTH_SETTINGS
) -> dict[str, float]:
    """The parts outside their healthy range, with their figures; absent parts are not unhealthy."""
    overrun = measured.dwell_overrun if settings.index_uses == "dwell" else measured.silence_overrun
    found = {}
    compliance, evidence = measured.stage_compliance, measured.evidence_rate
    if compliance is not None and compliance < settings.healthy_stage_compliance:
        found["stage_compliance"] = compliance
    if evidence is not None and evidence < settings.healthy_evidence_rate:
        found["evidence_rate"] = evidence
    if overrun is not None and overrun > settings.healthy_silence_overrun:
        found["silence_overrun"] = overrun
    return found


class Scope(NamedTuple):
    """`rep_id` "": the unit with everything below it."""

    unit_id: str
    rep_id: str


def scopes_listed(unit_id: str, children: Sequence[str], counted: Iterable[Scope]) -> list[Scope]:
    """U, then its direct children, then the reps with something to count in U, each by id."""
    found = set(counted)
    below = [Scope(child, "") for child in sorted(children) if Scope(child, "") in found]
    reps = sorted(scope for scope in found if scope.unit_id == unit_id and scope.rep_id)
    return [Scope(unit_id, ""), *below, *reps]


def health_row(
    scope: Scope,
    week: str,
    figures: WeekFigures,
    settings: HealthSettings,
    unit_of_rep: str | None = None,
) -> dict[str, Any]:
    """One row of the board; `unit_of_rep` is the rep's unit at the end of the window."""
    measured = health(figures, settings)
    return {
        "unit_id": (unit_of_rep or scope.unit_id) if scope.rep_id else scope.unit_id,
        "rep_id": scope.rep_id or None,
        "week": week,
        "stage_compliance": measured.stage_compliance,
        "evidence_rate": measured.evidence_rate,
        "silence_overrun": measured.silence_overrun,
        "index": measured.index,
        "counts": {
            "moved": figures.moved,
            "skipped": figures.skipped,
            "evidence_required": figures.evidence_required,
            "evidence_complete": figures.evidence_complete,
            "open": figures.open,
            "overrun": figures.overrun,
        },
        "dwell": [
            {
                "stage": stage,
                "open": figures.dwell_open[stage],
                "overrun": figures.dwell_overrun.get(stage, 0),
                "dwell_overrun": ratio(
                    figures.dwell_overrun.get(stage, 0), figures.dwell_open[stage]
                ),
            }
            for stage in sorted(figures.dwell_open)
            if figures.dwell_open[stage]
        ],
        "outside_healthy_range": sorted(unhealthy_parts(measured, settings)),
    }


class Correlation(NamedTuple):
    coefficient: float
    n: int


def correlation(points: Sequence[tuple[float, float]], minimum: int = 12) -> Correlation | None:
    """Pearson's of (weekly index, win rate of the four weeks after); None below `minimum` points,
    or where one of the two never varies."""
    n = len(points)
    if n < minimum:
        return None
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    across = sum((x - mean_x) * (y - mean_y) for x, y in points)
    spread_x = sum((x - mean_x) ** 2 for x, _ in points)
    spread_y = sum((y - mean_y) ** 2 for _, y in points)
    if not spread_x or not spread_y:
        return None
    return Correlation(across / float(spread_x * spread_y) ** 0.5, n)


class WinRate(NamedTuple):
    """Of the four weeks after a unit's week."""

    won: int
    closed: int


def correlated_points(
    weekly: Iterable[tuple[float | None, WinRate]], minimum_closed: int = 5
) -> list[tuple[float, float]]:
    """Weeks with an index and enough closed opportunities in the four weeks after (P3)."""
    return [
        (index, after.won / after.closed)
        for index, after in weekly
        if index is not None and after.closed >= max(minimum_closed, 1)
    ]
