"""How a figure on a board came about: what was counted, by which settings, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.projections.domain.golden_actions import (
    GoldenCount,
    GoldenKey,
    LightSettings,
    light,
)
from services.projections.domain.process_health import (
    Health,
    HealthSettings,
    WeekFigures,
    health,
    ratio,
)
from services.projections.domain.words import say
from shared.errors import FieldProblem, Malformed, NotFound

_PARTS = {
    "stage_compliance": ("moved", "skipped"),
    "evidence_rate": ("evidence_required", "evidence_complete"),
    "silence_overrun": ("open", "overrun"),
    "dwell_overrun": ("dwell_open", "dwell_overrun"),
}
"""What each part of the index is made from: the counts whose opportunities explain it."""

COUNTS = (
    "moved",
    "skipped",
    "evidence_required",
    "evidence_complete",
    "open",
    "overrun",
    "dwell_open",
)
FIGURES_OF_BOARDS: Mapping[str, tuple[str, ...]] = {
    "silence": ("total", "hours_left", "limit_hours", "last_activity_at"),
    "process-health": ("index", *_PARTS, *COUNTS, "correlation"),
    "golden-actions": ("done", "due", "rate", "light"),
    "heat-map": ("done", "due", "rate", "light"),
    "funnel": (
        "entered",
        "reached",
        "pending",
        "dropped",
        "conversion",
        "drop_out",
        "median_hours",
        "p90_hours",
    ),
    "breakpoints": ("hours_over", "delay_hours"),
    "instructions": ("count", "key_industry", "hours_over"),
    "action-health": ("index", "timeliness", "richness", "consistency"),
    "traffic-lights": ("entered", "proposal", "reaction", "met", "due", "rate", "light"),
    "goals": (
        "valid_leads",
        "first_visit_rate",
        "repeat_purchases",
        "basket_growth",
        "pain_point_rate",
        "next_step_rate",
    ),
    "revisions": ("revisions", "customer_questions"),
    "data-quality": (
        "leads",
        "duplicates",
        "unreviewed_duplicates",
        "duplicate_rate",
        "completeness",
        "scored",
        "score_mean",
        "score_median",
        "score_distribution",
    ),
}
"""What can be asked about; a golden action may also be named instead, for its rate."""


def require_figure(board: str, figure: str, others: Sequence[str] = ()) -> None:
    """Raises NotFound for a board that is none, Malformed naming the figures that it has."""
    if board not in FIGURES_OF_BOARDS:
        known = ", ".join(sorted(FIGURES_OF_BOARDS))
        raise NotFound(f"there is no board {board!r}; there are {known}")
    figures = (*FIGURES_OF_BOARDS[board], *others)
    if figure not in figures:
        problem = FieldProblem("figure", "unknown", f"one of {', '.join(figures)}")
        raise Malformed(f"{board} has no figure {figure!r}", errors=[problem])


def counted_in(figure: str, settings: HealthSettings) -> tuple[str, ...]:
    """The counts that a figure of the process health index is made from."""
    if figure in COUNTS:
        return (figure,)
    if figure != "index":
        return _PARTS[figure]
    return tuple(count for part in _parts_of_index(settings) for count in _PARTS[part])


def _parts_of_index(settings: HealthSettings) -> tuple[str, ...]:
    return ("stage_compliance", "evidence_rate", f"{settings.index_uses}_overrun")


def why_health(
    figure: str,
    window: str,
    figures: WeekFigures,
    settings: HealthSettings,
    language: str,
    stage: str | None = None,
) -> dict[str, Any]:
    """`stage` narrows what dwells to one stage. `figure` is none but of the index."""
    dwell_open = _in_stage(figures.dwell_open, stage)
    dwell_overrun = _in_stage(figures.dwell_overrun, stage)
    counts = {name: getattr(figures, name) for name in COUNTS if name != "dwell_open"}
    counts |= {"dwell_open": dwell_open, "dwell_overrun": dwell_overrun}
    measured = health(figures, settings)
    weights = {
        "stage_compliance": settings.weight_stage_compliance,
        "evidence_rate": settings.weight_evidence_rate,
        f"1 − {settings.index_uses}_overrun": settings.weight_silence_overrun,
    }
    values = {**counts, "window": window, "weights": ", ".join(map(_weight, weights.items()))}
    shown = (*_parts_of_index(settings), "index") if figure == "index" else (figure,)
    found = {
        each: counts[each]
        if each in COUNTS
        else _measure(each, measured, dwell_overrun, dwell_open)
        for each in shown
    }
    sentences = [_sentence(each, value, values, language) for each, value in found.items()]
    return {
        "figure": figure,
        "window": window,
        "value": found[figure],
        "sentences": sentences,
        "counts": counts,
        "settings": {
            "weights": weights,
            "index_uses": settings.index_uses,
            "healthy": {
                "stage_compliance": settings.healthy_stage_compliance,
                "evidence_rate": settings.healthy_evidence_rate,
                "silence_overrun": settings.healthy_silence_overrun,
            },
        },
    }


def _in_stage(by_stage: Any, stage: str | None) -> int:
    return sum(by_stage.values()) if stage is None else by_stage.get(stage, 0)


def _weight(weighed: tuple[str, float]) -> str:
    part, weight = weighed
    return f"{part} {weight:g}"


def _measure(figure: str, measured: Health, dwell_overrun: int, dwell_open: int) -> float | None:
    if figure == "dwell_overrun":
        return ratio(dwell_overrun, dwell_open)
    value: float | None = getattr(measured, figure)
    return value


def _sentence(figure: str, value: float | None, values: dict[str, Any], language: str) -> str:
    if value is None:
        return f"{figure}: {say('why.absent', language, window=values['window'])}"
    return say(f"why.{figure}", language, figure=value, **values)


def why_golden(
    key: GoldenKey, count: GoldenCount, settings: LightSettings, language: str
) -> dict[str, Any]:
    """One golden action of a stage as the boards show it, with how its rate and light came about.

    Due and done are stays in the stage; the light is green from one rate on, yellow from another.
    """
    rate = ratio(count.done, count.due)
    colour = light(rate, settings)
    names = {"stage": key.stage, "action": key.action}
    if rate is None:
        sentences = [say("why.golden_nothing", language, **names)]
    else:
        sentences = [
            say("why.golden_rate", language, **names, **count._asdict(), figure=rate),
            say(
                "why.light",
                language,
                light=say(f"light.{colour}", language),
                green=settings.green_from,
                yellow=settings.yellow_from,
            ),
        ]
    return {**names, **count._asdict(), "rate": rate, "light": colour, "sentences": sentences}
