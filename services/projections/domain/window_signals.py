"""Signals of figures of a window: raised when it is over, taken back when late news mend it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from services.projections.domain.watching import KnownSignal, WatchClock
from services.projections.domain.windows import month_of, week_of

COACH_NEEDED, LIGHT_RED, GOAL_RED = "coach_needed", "light_red", "goal_red"
RULES = (COACH_NEEDED, LIGHT_RED, GOAL_RED)
NOT_SO_AFTER_ALL = "figure-mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureOutOfRange:
    """`anchor`: the window, with what else tells signals of the same rule in it apart. `due_at`:
    since when the window can be judged."""

    rule: str
    subject: tuple[str, str]
    window: str
    anchor: str
    due_at: datetime
    unit_path: tuple[str, ...]
    owner_id: str | None
    facts: Mapping[str, FactValue]


def window_verdicts(
    tenant_id: str,
    found: Iterable[FigureOutOfRange],
    known: Mapping[str, KnownSignal],
    zone: str,
    clock: WatchClock,
) -> list[SignalCommand]:
    """What brings the signals to what the figures say at the clock. `found` are all that are out of
    range in windows that are over, `known` those of the same rules that are not retracted."""
    named = {
        signal_id(tenant_id, each.subject, each.rule, each.anchor): each
        for each in found
        if each.due_at < clock.now
    }
    commands: list[SignalCommand] = [
        RetractSignal(
            signal_id=each.signal_id,
            due_at=each.due_at,
            reason=NOT_SO_AFTER_ALL,
            retracted_at=clock.now,
            now=clock.now,
        )
        for each in known.values()
        if each.signal_id not in named
    ]
    due = {each.signal_id: each.due_at for each in known.values() if each.state == "raised"}
    for name, each in sorted(named.items(), key=lambda item: (item[1].due_at, item[0])):
        if name not in known:
            commands.append(_raised(name, each, clock))
            due[name] = each.due_at
        if name in due and (ended_at := speaks_until(each.rule, each.due_at, zone)) < clock.now:
            over = ResolveSignal(
                signal_id=name, ended_at=ended_at, cause_event_id=None, now=clock.now
            )
            commands.append(over)
    return commands


def speaks_until(rule: str, due_at: datetime, zone: str) -> datetime:
    """Until the window after its own is over: that one speaks then."""
    following = week_of if rule == LIGHT_RED else month_of
    return following(due_at, zone).ends


def _raised(name: str, found: FigureOutOfRange, clock: WatchClock) -> RaiseSignal:
    historical = clock.is_historical(found.due_at)
    kind, subject_id = found.subject
    return RaiseSignal(
        signal_id=name,
        rule=found.rule,
        subject_kind=kind,
        subject_id=subject_id,
        customer_id=None,
        stage=None,
        unit_path=found.unit_path,
        owner_id=found.owner_id,
        due_at=found.due_at,
        raised_at=found.due_at if historical else clock.now,
        anchor_event_id=None,
        window=found.window,
        historical=historical,
        facts=dict(found.facts),
        told=(),
        now=clock.now,
    )
