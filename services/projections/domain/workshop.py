"""The signal `workshop_proposed`: a part of a unit's week outside its healthy range (P3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.projections.domain.process_health import (
    HealthSettings,
    WeekFigures,
    health,
    unhealthy_parts,
)
from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from services.projections.domain.watching import KnownSignal, WatchClock
from services.projections.domain.windows import Window

RULE = "workshop_proposed"
HEALTHY_AFTER_ALL = "healthy-after-all"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWeek:
    """A unit's week that has ended; `worst` are the ten worst opportunities of each part."""

    unit_path: tuple[str, ...]
    week: Window
    figures: WeekFigures
    worst: Mapping[str, Sequence[str]]


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


def _proposal(
    found: str, unit_week: UnitWeek, parts: Mapping[str, float], clock: WatchClock
) -> RaiseSignal:
    due_at: datetime = unit_week.week.ends
    historical = clock.is_historical(due_at)
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
