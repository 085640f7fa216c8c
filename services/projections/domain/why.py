"""Why a signal was raised and how a figure came about: sentences, settings, events."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.projections.domain.process_health import HealthSettings, WeekFigures, health
from services.projections.domain.signal_list import SignalRow
from services.projections.domain.words import listed, say
from shared.clock import iso
from shared.errors import FieldProblem, Malformed
from shared.events.notifications import (
    EscalationAcknowledged,
    EscalationHandedOver,
    EscalationOpened,
    EscalationResolved,
    EscalationSnoozed,
    EscalationStepReached,
)

COUNTED_IN = {
    "stage_compliance": ("moved", "skipped"),
    "evidence_rate": ("evidence_required", "evidence_complete"),
    "silence_overrun": ("open", "overrun"),
    "index": ("skipped", "evidence_required", "evidence_complete", "overrun"),
}
"""What a figure is made from: the counts whose opportunities explain it."""

FIGURES = tuple(COUNTED_IN)


def why_signal(signal: SignalRow, language: str, times: Mapping[str, str]) -> dict[str, Any]:
    """`times` are the signal's moments as the reader writes them: due_at, ended_at."""
    facts = {name: value for name, value in signal.facts.items() if not isinstance(value, list)}
    parts = signal.facts.get("parts")
    values: dict[str, Any] = {
        **facts,
        **times,
        "stage": signal.stage,
        "window": signal.window,
        "unit": signal.unit_id,
        "parts": ", ".join(parts) if isinstance(parts, list) else "",
    }
    sentences = [say(f"why.{signal.rule}", language, **values)]
    if "pipeline" in facts:
        sentences.append(say("why.pipeline", language, **values))
    sentences.append(say(f"why.{signal.state}", language, **values))
    if signal.historical:
        sentences.append(say("why.historical", language))
    events = (signal.anchor_event_id, signal.cause_event_id, signal.raised_event_id)
    return {
        "signal_id": signal.signal_id,
        "rule": signal.rule,
        "subject_kind": signal.subject_kind,
        "subject_id": signal.subject_id,
        "sentences": sentences,
        "settings": facts,
        "events": [event for event in events if event is not None],
    }


def why_escalation(events: Sequence[Any], language: str) -> list[str]:
    """Whom it went to, under which policy, and what they did; other events say nothing here."""
    told = (_escalation_step(event, language) for event in events)
    return [sentence for sentence in told if sentence is not None]


def _escalation_step(event: Any, language: str) -> str | None:
    by = getattr(event, "by", None) or say("system", language)
    match event:
        case EscalationOpened():
            opened = {"at": iso(event.opened_at), "policy": event.policy.name}
            return say("why.escalation_opened", language, **opened)
        case EscalationStepReached():
            people = listed(list(event.person_ids), language)
            step = {"level": event.level, "people": people, "at": iso(event.reached_at)}
            return say("why.escalation_told", language, **step)
        case EscalationAcknowledged():
            at = iso(event.acknowledged_at)
            return say("why.escalation_acknowledged", language, by=by, at=at)
        case EscalationSnoozed():
            times = {"at": iso(event.snoozed_at), "until": iso(event.until)}
            return say("why.escalation_snoozed", language, by=by, **times)
        case EscalationHandedOver():
            handed = {"at": iso(event.handed_over_at), "to": event.to_person_id}
            return say("why.escalation_handed_over", language, by=by, **handed)
        case EscalationResolved():
            ended = {"at": iso(event.resolved_at), "reason": event.reason}
            return say("why.escalation_resolved", language, by=by, **ended)
        case _:
            return None


def why_figure(
    figure: str, window: str, figures: WeekFigures, settings: HealthSettings, language: str
) -> dict[str, Any]:
    """Raises Malformed for a figure that the process health index does not have."""
    if figure not in FIGURES:
        message = f"one of {', '.join(FIGURES)}"
        raise Malformed(message, errors=[FieldProblem("figure", "unknown", message)])
    measured = health(figures, settings)
    weights = {
        "stage_compliance": settings.weight_stage_compliance,
        "evidence_rate": settings.weight_evidence_rate,
        f"1 − {settings.index_uses}_overrun": settings.weight_silence_overrun,
    }
    values = {
        "window": window,
        "moved": figures.moved,
        "skipped": figures.skipped,
        "evidence_required": figures.evidence_required,
        "evidence_complete": figures.evidence_complete,
        "open": figures.open,
        "overrun": figures.overrun,
        "weights": ", ".join(f"{part} {weight:g}" for part, weight in weights.items()),
    }
    shown = FIGURES if figure == "index" else (figure,)
    sentences = []
    for part in shown:
        value = getattr(measured, part)
        if value is None:
            sentences.append(f"{part}: {say('why.absent', language, window=window)}")
        else:
            sentences.append(say(f"why.{part}", language, figure=value, **values))
    return {
        "figure": figure,
        "window": window,
        "value": getattr(measured, figure),
        "sentences": sentences,
        "counts": {name: value for name, value in values.items() if isinstance(value, int)},
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


def why_event(event: Mapping[str, Any], rules: Sequence[str], language: str) -> list[str]:
    """What happened, who recorded it when, and which signals hang on it."""
    values = {
        "type": event["type"],
        "occurred_at": event["occurred_at"],
        "recorded_at": event["recorded_at"],
        "actor": event["actor_id"] or say("system", language),
        "rules": ", ".join(sorted(set(rules))),
    }
    sentences = [say("why.event", language, **values)]
    if rules:
        sentences.append(say("why.event_signals", language, **values))
    return sentences


def why_golden(stage: str, action: str, done: int, due: int, language: str) -> str:
    if not due:
        return say("why.golden_nothing", language, stage=stage)
    values = {"stage": stage, "action": action, "done": done, "due": due}
    return say("why.golden_rate", language, **values, figure=done / due)
