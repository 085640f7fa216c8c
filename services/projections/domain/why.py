"""Why a signal was raised, what became of it and who was told: sentences, settings, events."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.projections.domain.signal_list import SignalRow
from services.projections.domain.window_signals import RULES as RULES_OF_WINDOWS
from services.projections.domain.words import has_words, listed, say
from services.projections.domain.workshop import RULE as WORKSHOP
from shared.clock import iso
from shared.events.notifications import (
    EscalationAcknowledged,
    EscalationHandedOver,
    EscalationOpened,
    EscalationResolved,
    EscalationSnoozed,
    EscalationStepReached,
)

_SCORES = {
    "scoring.health_scored.v1": "why.health",
    "scoring.conversion_estimated.v1": "why.conversion",
}


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
    sentences.append(say(_state_words(signal), language, **values))
    wording = signal.facts.get(f"wording_{language}")
    if isinstance(wording, list) and wording:
        sentences.append(say("why.wording", language, wording=" ".join(wording)))
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


def _state_words(signal: SignalRow) -> str:
    """The state, with what is known of how it came to it."""
    if signal.state == "resolved" and signal.rule == WORKSHOP:
        return "why.week_over"
    if signal.state == "resolved" and signal.rule in RULES_OF_WINDOWS:
        return "why.window_over"
    because = f"why.state.{signal.state}.{signal.retracted_because}"
    if signal.state == "retracted" and has_words(because):
        return because
    return f"why.state.{signal.state}"


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


def _score_told(event: Mapping[str, Any], language: str) -> list[str]:
    """Of a score each contribution, and what was not known (S1, S2); of other events nothing."""
    told, data = _SCORES.get(event["type"]), event["data"]
    if told is None:
        return []
    sentences = [say(f"{told}.part", language, **asdict(part)) for part in data["parts"]]
    if data.get("missing"):
        missing = listed(data["missing"], language)
        sentences.append(say("why.health.missing", language, missing=missing))
    return sentences


def why_event(event: Mapping[str, Any], rules: Sequence[str], language: str) -> list[str]:
    """What happened, who recorded it when, and which signals hang on it."""
    values = {
        "type": event["type"],
        "occurred_at": event["occurred_at"],
        "recorded_at": event["recorded_at"],
        "actor": event["actor_id"] or say("system", language),
        "rules": ", ".join(sorted(set(rules))),
    }
    sentences = [say("why.event", language, **values), *_score_told(event, language)]
    if rules:
        sentences.append(say("why.event_signals", language, **values))
    return sentences
