"""Why: of a signal, an escalation, an event, or a figure on a board."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_

from services.projections.domain.golden_actions import GoldenCount, GoldenKey, LightSettings, light
from services.projections.domain.process_health import Scope, ratio
from services.projections.domain.signal_list import SignalRow
from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.domain.why import (
    COUNTED_IN,
    why_escalation,
    why_event,
    why_figure,
    why_golden,
    why_signal,
)
from services.projections.domain.windows import end_of
from services.projections.queries.asking import Asker, Question
from services.projections.queries.counted import Counting, opportunities_counted
from services.projections.queries.figures import ScopesAsked, golden_counts
from services.projections.queries.golden_action_board import lights
from services.projections.queries.process_health_board import (
    figures_of,
    health_settings,
    running_week,
)
from services.projections.queries.read_models import SIGNALS
from services.projections.queries.signal_board import (
    escalations_of_signal,
    one_signal,
    signal_of_escalation,
    signals_about,
)
from services.projections.queries.timelines import timeline
from shared.clock import iso
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.event_log_api import shown
from shared.ports import Ports

_GOLDEN = ("golden_due", "golden_done")


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
    found = await escalations_of_signal(ports.read_store, asker, signal.signal_id)
    streams = [stream_name(asker.tenant_id, "escalation", each) for each in found]
    for stored in (await ports.event_store.read_streams(streams)).values():
        steps = [ports.codec.decode(each).event for each in stored]
        answer["sentences"] += why_escalation(steps, language)
        answer["events"] += await shown(ports.codec, stored)
    return {**answer, "escalations": found}


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
            unit_id, rep_id = asker.unit(question), asker.only_rep(question)
            counting = Counting(
                Scope(unit_id, rep_id or ""),
                COUNTED_IN[figure],
                week.begins,
                end_of(week, asker.moment(question)),
            )
            counted = await opportunities_counted(connection, asker, counting)
            return {**answer, "unit_id": unit_id, "rep_id": rep_id, "opportunities": counted}
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
        begins = window.begins if window else None
        counting = Counting(Scope(unit_id, rep_id), _GOLDEN, begins, until, key.stage, key.action)
        counted = await opportunities_counted(connection, asker, counting)
    count = counts[Scope(unit_id, rep_id), key]
    answer = _golden(key, count, question.language, lights(asker, question))
    return {**answer, "opportunities": counted}


def _golden(
    key: GoldenKey, count: GoldenCount, language: str, settings: LightSettings
) -> dict[str, Any]:
    rate = ratio(count.done, count.due)
    return {
        "figure": key.action,
        "stage": key.stage,
        "value": rate,
        "light": light(rate, settings),
        "sentences": [why_golden(key.stage, key.action, count.done, count.due, language)],
        "counts": {"done": count.done, "due": count.due},
    }


def _local(asker: Asker, moment: datetime) -> str:
    """As the tenant's people write it, with the exact moment beside it."""
    local = moment.astimezone(ZoneInfo(asker.organisation.zone()))
    return f"{local:%Y-%m-%d %H:%M:%S} ({iso(moment)})"
