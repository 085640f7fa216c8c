"""The signal `workshop_proposed`: a part of a unit's week outside its healthy range (P3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.projections.domain.counted_things import CountedThing
from services.projections.domain.process_health import (
    HealthSettings,
    WeekFigures,
    health,
    unhealthy_parts,
)
from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from services.projections.domain.watching import KnownSignal, WatchClock
from services.projections.domain.windows import Moment, Window, week_of

RULE = "workshop_proposed"
HEALTHY_AFTER_ALL = "healthy-after-all"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWeek:
    """A unit's week that has ended; `worst` are the ten worst opportunities of each part.

    `imported_until`: when something of what is at fault in it was last imported.
    """

    unit_path: tuple[str, ...]
    week: Window
    figures: WeekFigures
    worst: Mapping[str, Sequence[str]]
    imported_until: datetime | None = None


def workshop_signal_id(tenant_id: str, unit_id: str, week: str) -> str:
    return signal_id(tenant_id, ("unit", unit_id), RULE, week)


def workshop_verdicts(
    tenant_id: str,
    weeks: Sequence[UnitWeek],
    known: Mapping[str, KnownSignal],
    settings: HealthSettings,
    clock: WatchClock,
) -> list[SignalCommand]:
    """Proposes once a week and unit; retracts where late actions made the week healthy.

    `weeks` are those to be judged now; due at the week's end, so only weeks over before the clock.
    """
    commands: list[SignalCommand] = []
    for unit_week in weeks:
        found = workshop_signal_id(tenant_id, unit_week.unit_path[-1], unit_week.week.name)
        parts = unhealthy_parts(health(unit_week.figures, settings), settings)
        signal = known.get(found)
        stands = signal is not None and signal.state != "retracted"
        if parts and not stands and unit_week.week.ends < clock.now:
            commands.append(_proposal(found, unit_week, parts, clock))
        if signal is not None and stands and not parts:
            retraction = RetractSignal(
                signal_id=found,
                due_at=signal.due_at,
                reason=HEALTHY_AFTER_ALL,
                retracted_at=clock.now,
                now=clock.now,
            )
            commands.append(retraction)
    return commands


def proposals_over(
    known: Iterable[KnownSignal], commands: Iterable[SignalCommand], zone: str, now: datetime
) -> list[ResolveSignal]:
    """A proposal stands until the week after its own is over: that week speaks for the unit then,
    healthy, or with a proposal of its own, so that one is open at most.

    `known` are those not retracted, `commands` what is about to be said of them.
    """
    open_since = {each.signal_id: each.due_at for each in known if each.state == "raised"}
    for command in commands:
        match command:
            case RaiseSignal():
                open_since[command.signal_id] = command.due_at
            case RetractSignal():
                open_since.pop(command.signal_id, None)
            case ResolveSignal():
                continue
    found = []
    for proposal_id, week_ended_at in open_since.items():
        ended_at = week_of(week_ended_at, zone).ends
        if ended_at < now:
            over = ResolveSignal(
                signal_id=proposal_id, ended_at=ended_at, cause_event_id=None, now=now
            )
            found.append(over)
    return found


def faults(
    things: Iterable[CountedThing], week: Window, index_uses: str
) -> dict[tuple[str, str], float]:
    """How bad one opportunity is for (unit, part of the index) in a week: hours over the limit at
    its end, skips in it, actions in it short of evidence."""
    end = Moment(week.ends, inclusive=False)
    over = "dwell_overrun" if index_uses == "dwell" else "overrun"
    found: dict[tuple[str, str], float] = {}
    for thing in things:
        if not thing.counts(week.begins, end):
            continue
        if thing.figure == over:
            part, badness = "silence_overrun", (week.ends - thing.since).total_seconds() / 3600
        elif thing.figure == "skipped":
            part, badness = "stage_compliance", float(len(thing.event_ids))
        elif thing.figure in ("evidence_required", "evidence_complete"):
            part, badness = "evidence_rate", 1.0 if thing.figure == "evidence_required" else -1.0
        else:
            continue
        for unit_id, rep_id in thing.scopes:
            if not rep_id:
                found[unit_id, part] = found.get((unit_id, part), 0.0) + badness
    return {key: badness for key, badness in found.items() if badness}


def _proposal(
    found: str, unit_week: UnitWeek, parts: Mapping[str, float], clock: WatchClock
) -> RaiseSignal:
    due_at: datetime = unit_week.week.ends
    imported_until = unit_week.imported_until
    historical = replace(clock, imported_until=imported_until).is_historical(due_at)
    facts: dict[str, FactValue] = {"parts": sorted(parts)}
    for part, figure in parts.items():
        facts[part] = figure
        facts[f"{part}_worst"] = list(unit_week.worst.get(part, ()))
    return RaiseSignal(
        signal_id=found,
        rule=RULE,
        subject_kind="unit",
        subject_id=unit_week.unit_path[-1],
        customer_id=None,
        stage=None,
        unit_path=unit_week.unit_path,
        owner_id=None,
        due_at=due_at,
        raised_at=due_at if historical else clock.now,
        anchor_event_id=None,
        window=unit_week.week.name,
        historical=historical,
        facts=facts,
        told=(),
        now=clock.now,
    )
