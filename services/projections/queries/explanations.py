"""Why: of a signal, an escalation or an event."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_

from services.projections.domain.process_health import Scope
from services.projections.domain.signal_list import SignalRow
from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.domain.why import why_escalation, why_event, why_signal
from services.projections.domain.why_figures import FIGURES_OF_BOARDS, counted_in
from services.projections.domain.windows import Moment, week_named
from services.projections.domain.workshop import RULE as WORKSHOP
from services.projections.queries.asking import Asker, Question
from services.projections.queries.counted import (
    Counting,
    behind,
    event_ids_of,
    opportunities_counted,
)
from services.projections.queries.process_health_board import health_settings
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
from shared.errors import FieldProblem, Malformed, NotFound
from shared.event_log_api import shown
from shared.ports import Ports

_EVENTS_SHOWN_AT_MOST = 500


async def why(ports: Ports, asker: Asker, subject_id: str, language: str) -> dict[str, Any]:
    """Of a signal, an escalation or an event, whichever has this id. Raises NotFound, Malformed
    for the name of a board."""
    reads = ports.read_store
    if subject_id in FIGURES_OF_BOARDS:
        figures = ", ".join(FIGURES_OF_BOARDS[subject_id])
        problem = FieldProblem("figure", "required", f"one of {figures}")
        raise Malformed(f"{subject_id} is a board: name one of its figures", errors=[problem])
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
    if signal.rule == WORKSHOP:
        answer |= await _behind_week(ports, asker, signal, answer["events"])
    answer["events"] = await shown_events(ports, asker, answer["events"])
    found = await escalations_of_signal(ports.read_store, asker, signal.signal_id)
    streams = [stream_name(asker.tenant_id, "escalation", each) for each in found]
    for stored in (await ports.event_store.read_streams(streams)).values():
        steps = [ports.codec.decode(each).event for each in stored]
        answer["sentences"] += why_escalation(steps, language)
        answer["events"] += await shown(ports.codec, stored)
    return {**answer, "escalations": found}


async def _behind_week(
    ports: Ports, asker: Asker, signal: SignalRow, raised: list[str]
) -> dict[str, Any]:
    """What a unit's week was judged by: the counts of its parts, down to their events."""
    week = week_named(str(signal.window), asker.organisation.zone(signal.due_at))
    settings = health_settings(asker.organisation, week.ends)
    parts = signal.facts["parts"]
    overrun = f"{settings.index_uses}_overrun"
    named = [overrun if each == "silence_overrun" else each for each in parts]  # type: ignore[union-attr]  # a list of names, written by us
    figures = [count for part in named for count in counted_in(part, settings)]
    until = Moment(week.ends, inclusive=False)
    counting = Counting(Scope(signal.unit_id, ""), figures, week.begins, until)
    async with ports.read_store.reading() as connection:
        counted = await opportunities_counted(connection, asker, counting)
    return {**behind(counted, figures), "events": [*raised, *event_ids_of(counted)]}


async def _event(ports: Ports, asker: Asker, event_id: str, language: str) -> dict[str, Any]:
    found = await shown_events(ports, asker, [event_id])
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
    if kind == "health":
        kind, _, subject_id = subject_id.partition(":")
    shown_as = {"person": "rep", "conversion": "lead"}.get(kind, kind)
    await timeline(ports, asker, SubjectOfTimeline(shown_as, subject_id), Question(limit=1))


async def shown_events(
    ports: Ports, asker: Asker, event_ids: Iterable[str]
) -> list[dict[str, Any]]:
    """The first 500 of them as the log shows them."""
    wanted = _readable(list(event_ids)[:_EVENTS_SHOWN_AT_MOST])
    stored = await ports.event_store.find_events(wanted)
    found = [stored[each] for each in wanted if each in stored]
    return await shown(ports.codec, [each for each in found if each.tenant_id == asker.tenant_id])


def _readable(event_ids: Iterable[str]) -> list[UUID]:
    found = []
    for each in event_ids:
        with suppress(ValueError):
            found.append(UUID(each))
    return found


def _local(asker: Asker, moment: datetime) -> str:
    """As the tenant's people write it, with the exact moment beside it."""
    local = moment.astimezone(ZoneInfo(asker.organisation.zone(asker.clock)))
    return f"{local:%Y-%m-%d %H:%M:%S} ({iso(moment)})"
