"""Why: of a signal, an escalation, an event, or a figure on a board."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_

from services.projections.domain.golden_actions import GoldenCount, GoldenKey, light
from services.projections.domain.process_health import Scope, ratio
from services.projections.domain.signal_list import SignalRow
from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.domain.why import why_event, why_figure, why_golden, why_signal
from services.projections.queries.asking import Asker, Question
from services.projections.queries.figures import ScopesAsked, golden_counts
from services.projections.queries.process_health_board import (
    figures_of,
    health_settings,
    running_week,
)
from services.projections.queries.read_models import SIGNALS
from services.projections.queries.signal_board import (
    one_signal,
    signal_of_escalation,
    signals_about,
)
from services.projections.queries.timelines import timeline
from shared.clock import iso
from shared.errors import NotFound
from shared.event_log_api import shown
from shared.ports import Ports


async def why(ports: Ports, asker: Asker, subject_id: str, language: str) -> dict[str, Any]:
    """Of a signal, an escalation or an event, whichever has this id. Raises NotFound."""
    reads = ports.read_store
    signal = await one_signal(reads, asker, subject_id)
    if signal is None:
        signal_id = await signal_of_escalation(reads, asker, subject_id)
        signal = await one_signal(reads, asker, signal_id) if signal_id else None
    if signal is not None:
        return await _signal(ports, asker, signal, language)
    return await _event(ports, asker, subject_id, language)


async def _signal(ports: Ports, asker: Asker, signal: SignalRow, language: str) -> dict[str, Any]:
    times = {"due_at": _local(asker, signal.due_at)}
    if signal.ended_at is not None:
        times["ended_at"] = _local(asker, signal.ended_at)
    answer = why_signal(signal, language, times)
    answer["events"] = [
        event
        for event_id in answer["events"]
        for event in await _shown_event(ports, asker, event_id)
    ]
    return answer


async def _event(ports: Ports, asker: Asker, event_id: str, language: str) -> dict[str, Any]:
    found = await _shown_event(ports, asker, event_id)
    if not found:
        raise NotFound(f"there is no event, signal or escalation {event_id!r}")
    [event] = found
    await _require_in_sight(ports, asker, event["stream"])
    rows = SIGNALS.rows
    about = or_(rows.c.anchor_event_id == event_id, rows.c.cause_event_id == event_id)
    signals = await signals_about(ports.read_store, asker, about)
    return {
        "event_id": event_id,
        "sentences": why_event(event, [signal.rule for signal in signals], language),
        "events": [event],
        "signals": [signal.signal_id for signal in signals],
    }


async def _require_in_sight(ports: Ports, asker: Asker, stream: str) -> None:
    """Raises NotFound for an event of what the asker may not see."""
    if asker.caller is None:
        return
    _tenant_id, kind, subject_id = stream.split("/", 2)
    if kind == "signal":
        signal = await one_signal(ports.read_store, asker, subject_id)
        if signal is None:
            raise NotFound("there is no such event")
        return
    shown_as = "rep" if kind == "person" else kind
    await timeline(ports, asker, SubjectOfTimeline(shown_as, subject_id), Question(limit=1))


async def _shown_event(ports: Ports, asker: Asker, event_id: str) -> list[dict[str, Any]]:
    try:
        stored = await ports.event_store.read_event(UUID(event_id))
    except ValueError:
        return []
    if stored is None or stored.tenant_id != asker.tenant_id:
        return []
    return await shown(ports.codec, [stored])


async def why_on_board(
    ports: Ports, asker: Asker, name: str, figure: str, question: Question
) -> dict[str, Any]:
    """Raises NotFound for a board whose figures are not explained, Malformed for the figure."""
    async with ports.read_store.reading() as connection:
        if name == "process-health":
            week = running_week(asker, question)
            figures = await figures_of(connection, asker, question, week)
            settings = health_settings(asker.organisation, min(week.ends, asker.clock))
            answer = why_figure(figure, week.name, figures, settings, question.language)
            return {**answer, "unit_id": asker.unit(question), "rep_id": question.rep_id}
        if name != "golden-actions":
            raise NotFound(f"the figures of {name!r} are not explained")
        unit_id, rep_id = asker.unit(question), asker.only_rep(question) or ""
        window = asker.window(question)
        asked = ScopesAsked(asker.tenant_id, unit_id, ())
        until = asker.until(question, window)
        counts = await golden_counts(connection, asked, window, until)
    key = next(
        (
            each
            for scope, each in counts
            if scope == Scope(unit_id, rep_id)
            and figure == each.action
            and question.stage in (None, each.stage)
        ),
        None,
    )
    if key is None:
        raise NotFound(f"nothing was due of {figure!r}")
    return _golden(key, counts[Scope(unit_id, rep_id), key], question)


def _golden(key: GoldenKey, count: GoldenCount, question: Question) -> dict[str, Any]:
    rate = ratio(count.done, count.due)
    return {
        "figure": key.action,
        "stage": key.stage,
        "value": rate,
        "light": light(rate),
        "sentences": [why_golden(key.stage, key.action, count.done, count.due, question.language)],
        "counts": {"done": count.done, "due": count.due},
    }


def _local(asker: Asker, moment: datetime) -> str:
    """As the tenant's people write it, with the exact moment beside it."""
    local = moment.astimezone(ZoneInfo(asker.organisation.zone()))
    return f"{local:%Y-%m-%d %H:%M:%S} ({iso(moment)})"
