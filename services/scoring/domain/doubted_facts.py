"""Doubts about what records say: places, times, evidence used twice, dates that cannot be (S4)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.scoring.domain.action_record import ActionRecord, ScannedPlace
from services.scoring.domain.doubt import (
    DATES,
    PLACE_AND_TIME,
    Doubt,
    DoubtLimits,
    doubt_of,
    proof_line,
)
from shared.events.opportunities import DateRule, FieldValue
from shared.events.scoring import CaseFact, ProofLine

_EARTH_METRES = 6_371_000.0
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_DURATION = "duration_seconds"

DEFAULT_DATE_RULES = (
    DateRule(earlier="reported_at", later="occurred_at", limit_seconds=30 * 24 * 3600),
    DateRule(earlier="member_created_at", later="occurred_at", limit_seconds=15 * 60),
)
"""Of every action with such a date, unless its type has a rule of its own for it (S4)."""


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great circle between two places, each latitude and longitude in degrees."""
    (north, east), (to_north, to_east) = one, other
    a = sin(radians(to_north - north) / 2) ** 2
    b = sin(radians(to_east - east) / 2) ** 2
    return 2 * _EARTH_METRES * asin(sqrt(a + cos(radians(north)) * cos(radians(to_north)) * b))


def places_and_times(
    records: Sequence[ActionRecord],
    reused_from: Mapping[str, ActionRecord],
    limits: DoubtLimits,
) -> list[Doubt]:
    """Of one rep: too fast from visit to visit, away from the customer's place, photos of elsewhere
    or another time, evidence that had proved another action (`reused_from`, by action)."""
    doubts = []
    speeds = _speeds(records, limits)
    for record in records:
        facts: dict[str, CaseFact] = {}
        proof: list[ProofLine] = []
        if record.action_id in speeds:
            before, figures = speeds[record.action_id]
            facts |= figures
            proof.append(proof_line(before))
        facts |= _away(record, limits) | _photos_elsewhere(record, limits)
        if record.action_id in reused_from:
            original = reused_from[record.action_id]
            facts["reused_from"] = original.action_id
            proof.append(proof_line(original))
        if facts:
            own = proof_line(record, **facts)
            doubts.append(doubt_of(PLACE_AND_TIME, [record], facts, proof=[*proof, own]))
    return doubts


class _Scanned(NamedTuple):
    record: ActionRecord
    at: datetime
    where: tuple[float, float]


def _scanned(record: ActionRecord) -> _Scanned | None:
    match record.place:
        case ScannedPlace(latitude=float() as north, longitude=float() as east, scanned_at=at):
            return _Scanned(record, at, (north, east))
        case _:
            return None


Speeds = dict[str, tuple[ActionRecord, dict[str, CaseFact]]]


def _speeds(records: Sequence[ActionRecord], limits: DoubtLimits) -> Speeds:
    """By the later action: the visit before it, and how fast the way between was. Places closer
    than the customer's own bounds say nothing."""
    visits = [each for each in map(_scanned, records) if each is not None]
    visits.sort(key=lambda each: (each.at, each.record.action_id))
    found: Speeds = {}
    for before, after in pairwise(visits):
        metres = metres_between(before.where, after.where)
        hours = (after.at - before.at) / _HOUR
        if metres > limits.distance_metres and metres > limits.speed_kmh * 1000 * hours:
            speed = round(metres / 1000 / hours) if hours else None
            figures: dict[str, CaseFact] = {
                "kilometres": round(metres / 1000, 1),
                "minutes": round(hours * 60, 1),
                "speed_kmh": speed,
            }
            found[after.record.action_id] = (before.record, figures)
    return found


def _away(record: ActionRecord, limits: DoubtLimits) -> dict[str, CaseFact]:
    metres = None if record.place is None else record.place.scan_distance_metres
    if metres is None or metres <= limits.distance_metres:
        return {}
    return {"metres_from_customer": round(metres)}


def _photos_elsewhere(record: ActionRecord, limits: DoubtLimits) -> dict[str, CaseFact]:
    """The worst of its photos; one without EXIF says nothing."""
    metres = max((each.distance_metres or 0.0 for each in record.photos), default=0.0)
    minutes = max((_minutes_off(record, each.taken_at) for each in record.photos), default=0.0)
    facts: dict[str, CaseFact] = {}
    if metres > limits.photo_metres:
        facts["photo_metres_off"] = round(metres)
    if minutes > limits.photo_minutes:
        facts["photo_minutes_off"] = round(minutes)
    return facts


def _minutes_off(record: ActionRecord, taken_at: datetime | None) -> float:
    """Before the action began or after it ended, where it says how long it took."""
    if taken_at is None:
        return 0.0
    duration = record.fields.get(_DURATION)
    lasted = timedelta(seconds=duration) if isinstance(duration, int | float) else timedelta()
    early = record.happened_at - taken_at
    late = taken_at - (record.happened_at + lasted)
    return max(0.0, early / _MINUTE, late / _MINUTE)


def broken_dates(
    records: Sequence[ActionRecord], rules: Mapping[str, Sequence[DateRule]], zone: str
) -> list[Doubt]:
    """A date more than its limit after another; `rules` by action type, beside the defaults."""
    doubts = []
    for record in records:
        for rule in _rules_for(rules.get(record.type, ())):
            earlier = _date(record, rule.earlier, zone)
            later = _date(record, rule.later, zone)
            if earlier is None or later is None:
                continue
            over = later - earlier - timedelta(seconds=rule.limit_seconds)
            if over > timedelta():
                facts: dict[str, CaseFact] = {
                    "earlier": rule.earlier,
                    "later": rule.later,
                    "limit_hours": round(rule.limit_seconds / 3600, 2),
                    "hours_over": round(over / _HOUR, 2),
                }
                doubts.append(doubt_of(DATES, [record], facts))
                break
    return doubts


def _rules_for(own: Sequence[DateRule]) -> list[DateRule]:
    named = {rule.earlier for rule in own}
    return [*own, *(rule for rule in DEFAULT_DATE_RULES if rule.earlier not in named)]


def _date(record: ActionRecord, name: str, zone: str) -> datetime | None:
    """What is written without a time begins its day in the tenant's zone."""
    match name:
        case "occurred_at":
            return record.happened_at
        case "recorded_at":
            return record.recorded_at
        case _:
            return _moment(record.fields.get(name), zone)


def _moment(value: FieldValue, zone: str) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        local = found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
