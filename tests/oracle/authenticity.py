"""Doubted records by one reckoning of our own, from a tenant's events read as JSON (S4).

Nothing here is shared with the services: every rule looks at all records of a rep at once. A case
has to be doubted by what was recorded when it was opened; whatever is doubted in the end has to
stand in a case.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import atan2, cos, hypot, radians, sin
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.behaviour import Told, moment
from tests.oracle.health import Calendar

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EARTH_METRES = 6_371_000
LIMITS: Mapping[str, float] = {
    "burst_actions": 5,
    "burst_minutes": 10,
    "burst_late_hours": 24,
    "template_actions": 5,
    "template_of_last": 20,
    "template_similarity": 0.9,
    "month_end_actions": 10,
    "month_end_days": 4,
    "month_end_after_day": 20,
    "gap_working_days": 7,
    "gap_weeks": 8,
    "gap_least_actions": 3,
    "speed_kmh": 150,
    "distance_metres": 300,
    "photo_metres": 500,
    "photo_minutes": 30,
}
DATES = (
    ("reported_at", "occurred_at", 30 * 86_400),
    ("member_created_at", "occurred_at", 15 * 60),
)
Where = tuple[float, float]
Scan = tuple[datetime, str, Where]
Summaries = Mapping[tuple[str, int], str]
"""What was said, opened, by stream and version of the event that says it."""


class Doubted(NamedTuple):
    rule: str
    rep_id: str
    actions: frozenset[str]
    kinds: frozenset[str] = frozenset()
    """Of place and time: what speaks against them."""


@dataclass
class Entry:
    """One action as it stands after all that is known of it."""

    action_id: str
    rep_id: str
    type: str
    happened_at: datetime
    recorded_at: datetime
    fields: dict[str, Any]
    summary: str | None
    photos: list[tuple[datetime | None, float | None]]
    counts: bool
    where: Where | None = None
    scanned_at: datetime | None = None
    metres_off: float | None = None

    @property
    def late(self) -> timedelta:
        return self.recorded_at - self.happened_at


@dataclass
class Known:
    """Of a tenant up to a moment. `proves`: when each action that a content proves happened."""

    calendar: Calendar
    entries: dict[str, Entry] = field(default_factory=dict)
    golden: set[str] = field(default_factory=set)
    dates: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    proves: dict[str, dict[str, datetime]] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=lambda: dict(LIMITS))

    def day(self, at: datetime) -> date:
        return at.astimezone(self.calendar.zone).date()

    def of_reps(self) -> Iterator[list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(self.entries.values(), key=lambda e: (e.recorded_at, e.action_id)):
            found[entry.rep_id].append(entry)
        yield from found.values()


def known(told: Iterable[Told], summaries: Summaries, zone: str, until: datetime) -> Known:
    found = Known(Calendar(ZoneInfo(zone)))
    for each in told:
        if each.recorded_at <= until:
            _take(found, each, summaries.get((each.stream, each.version)))
    return found


def _take(found: Known, each: Told, summary: str | None) -> None:
    data = each.data
    match each.name:
        case "settings_changed":
            doubts = [name for name in data["settings"] if name.startswith("doubt_")]
            found.limits |= {each.removeprefix("doubt_"): data["settings"][each] for each in doubts}
        case "calendar_days_set":
            days = data["days"].items()
            found.calendar.told |= {date.fromisoformat(day): works for day, works in days}
            found.calendar.years.add(data["year"])
        case "pipeline_published":
            for stage in data["pipeline"]["stages"]:
                found.golden |= {golden["action"] for golden in stage["golden_actions"]}
        case "action_type_defined":
            rules = data["definition"].get("date_rules", [])
            found.dates[data["definition"]["type"]] = [
                (rule["earlier"], rule["later"], rule["limit_seconds"]) for rule in rules
            ]
        case "evidence_referred":
            proves = found.proves.setdefault(data["sha256"], {})
            proves.pop(data["action_id"], None)
            if data["proves"]:
                proves[data["action_id"]] = each.at("happened_at")
        case "action_logged" if data.get("actor_id") and data.get("actor_unit_path"):
            found.entries[data["action_id"]] = _entry(each, summary)
        case "action_voided":
            found.entries.pop(data["action_id"], None)
        case _ if (entry := found.entries.get(data.get("action_id", ""))) is not None:
            _change(found, entry, each, summary)


def _entry(each: Told, summary: str | None) -> Entry:
    data = each.data
    return Entry(
        action_id=data["action_id"],
        rep_id=data["actor_id"],
        type=data["type"],
        happened_at=each.at("happened_at"),
        recorded_at=each.recorded_at,
        fields=dict(data.get("fields", {})),
        summary=summary,
        photos=_photos(data),
        counts=not data.get("invalid_reasons"),
    )


def _change(found: Known, entry: Entry, each: Told, summary: str | None) -> None:
    data = each.data
    match each.name:
        case "action_corrected":
            found.entries[entry.action_id] = replace(
                _entry(_by(each, entry.rep_id), summary),
                recorded_at=entry.recorded_at,
                where=entry.where,
                scanned_at=entry.scanned_at,
                metres_off=entry.metres_off,
            )
        case "visit_started":
            north, east = data["place_latitude"], data["place_longitude"]
            entry.where = None if north is None or east is None else (north, east)
            entry.scanned_at = each.at("scanned_at")
            entry.metres_off = data["scan_distance_metres"]
        case "evidence_attached":
            entry.photos += _photos(data)
            entry.counts = not data["invalid_reasons"]
        case "visit_fields_filled":
            entry.fields |= data["fields"]
            entry.counts = not data["invalid_reasons"]
        case "visit_summarised":
            entry.summary = summary
            entry.counts = not data["invalid_reasons"]


def _by(each: Told, actor_id: str) -> Told:
    return each._replace(data={**each.data, "actor_id": actor_id})


def _photos(data: Mapping[str, Any]) -> list[tuple[datetime | None, float | None]]:
    found = []
    for piece in data.get("evidence", []):
        if (exif := piece.get("exif")) is not None:
            taken_at = exif.get("taken_at")
            found.append((moment(taken_at) if taken_at else None, exif.get("distance_metres")))
    return found


def doubts(found: Known, until: datetime) -> list[Doubted]:
    """All that the six rules doubt, of months that are over by then."""
    said: list[tuple[str, Iterable[Sequence[Entry]]]] = []
    for entries in found.of_reps():
        said += [
            ("entry_burst", _bursts(entries, found.limits)),
            ("template", _templates(entries, found.limits)),
            ("month_end", _month_ends(entries, found, until)),
            ("gap", _gaps(entries, found)),
            ("dates", ([each] for each in entries if _breaks_a_date(each, found))),
        ]
    wrong = [
        Doubted(rule, together[0].rep_id, frozenset(each.action_id for each in together))
        for rule, groups in said
        for together in groups
    ]
    for entries in found.of_reps():
        for kind, each in _places(entries, found):
            one = frozenset({each.action_id})
            wrong.append(Doubted("place_and_time", each.rep_id, one, frozenset({kind})))
    return wrong


def _bursts(entries: Sequence[Entry], limits: Mapping[str, float]) -> Iterator[list[Entry]]:
    late = [each for each in entries if each.late >= limits["burst_late_hours"] * HOUR]
    within = limits["burst_minutes"] * MINUTE
    for first in late:
        window = [e for e in late if timedelta() <= e.recorded_at - first.recorded_at <= within]
        if len(window) >= limits["burst_actions"]:
            yield window


def _templates(entries: Sequence[Entry], limits: Mapping[str, float]) -> Iterator[list[Entry]]:
    saying = [(each, _words(each.summary)) for each in entries if each.summary]
    for end, (_, last) in enumerate(saying, start=1):
        window = saying[max(0, end - int(limits["template_of_last"])) : end]
        alike = [each for each, said in window if _alike(said, last, limits)]
        if len(alike) >= limits["template_actions"]:
            yield alike


def _words(text: str) -> Counter[str]:
    """What is written between spaces and signs; every character where nothing stands between."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    found = re.findall(r"[\u2e80-\U0010ffff]|[^\W_\u2e80-\U0010ffff]+", plain)
    return Counter(each for each in found if each.isalnum())


def _alike(one: Counter[str], other: Counter[str], limits: Mapping[str, float]) -> bool:
    apart = ((one - other) + (other - one)).total()
    both = one.total() + other.total()
    return both > 0 and 1 - apart / both >= limits["template_similarity"] - 1e-9


def _month_ends(entries: Sequence[Entry], found: Known, until: datetime) -> Iterator[list[Entry]]:
    groups: dict[tuple[str, int, int], list[Entry]] = defaultdict(list)
    for each in entries:
        if each.counts:
            day = found.day(each.happened_at)
            groups[each.type, day.year, day.month].append(each)
    limits = found.limits
    for (_, year, month), group in groups.items():
        over = date(year + month // 12, month % 12 + 1, 1)
        if len(group) < limits["month_end_actions"] or found.day(until) < over:
            continue
        first, days = int(limits["month_end_after_day"]) + 1, int(limits["month_end_days"])
        spans = [
            [e for e in group if 0 <= found.day(e.happened_at).day - start < days]
            for start in range(first, 32)
        ]
        fullest = max(spans, key=len)
        if len(fullest) > len(group) / 2:
            yield fullest


def _gaps(entries: Sequence[Entry], found: Known) -> Iterator[list[Entry]]:
    limits = found.limits
    for kind in sorted(found.golden):
        counting = [each for each in entries if each.type == kind and each.counts]
        per_day = Counter(found.day(each.happened_at) for each in counting)
        for day, count in per_day.items():
            weeks = limits["gap_weeks"]
            before = {d: n for d, n in per_day.items() if timedelta() < day - d <= weeks * 7 * DAY}
            if not before or count < limits["gap_least_actions"]:
                continue
            resting = max(before) + DAY
            rested = 0
            while resting < day:
                rested += found.calendar.works(resting)
                resting += DAY
            if rested >= limits["gap_working_days"] and count * weeks >= sum(before.values()):
                yield [each for each in counting if found.day(each.happened_at) == day]


def _places(entries: Sequence[Entry], found: Known) -> Iterator[tuple[str, Entry]]:
    """By the fact that a case must tell of it."""
    limits = found.limits
    again = set()
    for proves in found.proves.values():
        _first, *others = sorted(proves, key=lambda action: (proves[action], action)) or [""]
        again |= set(others)
    scans = sorted(
        (each.scanned_at, each.action_id, each.where)
        for each in entries
        if each.where is not None and each.scanned_at is not None
    )
    hurried = {after[1] for before, after in pairwise(scans) if _hurried(before, after, limits)}
    for each in entries:
        lasted = each.fields.get("duration_seconds")
        seconds = lasted if isinstance(lasted, int | float) else 0
        ended = each.happened_at + timedelta(seconds=seconds)
        tolerated = limits["photo_minutes"] * MINUTE
        taken = [taken_at for taken_at, _ in each.photos if taken_at is not None]
        begins, ends = each.happened_at - tolerated, ended + tolerated
        speaks = {
            "reused_from": each.action_id in again,
            "speed_kmh": each.action_id in hurried,
            "metres_from_customer": (each.metres_off or 0) > limits["distance_metres"],
            "photo_metres_off": any((m or 0) > limits["photo_metres"] for _, m in each.photos),
            "photo_minutes_off": any(not begins <= taken_at <= ends for taken_at in taken),
        }
        yield from ((kind, each) for kind, against in speaks.items() if against)


def _hurried(before: Scan, after: Scan, limits: Mapping[str, float]) -> bool:
    metres = EARTH_METRES * _angle(before[2], after[2])
    hours = (after[0] - before[0]) / HOUR
    return metres > limits["distance_metres"] and metres > limits["speed_kmh"] * 1000 * hours


def _angle(one: Where, other: Where) -> float:
    """Between two directions from the middle of the earth, by their cross and dot products."""
    (ax, ay, az), (bx, by, bz) = _direction(one), _direction(other)
    cross = hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return atan2(cross, ax * bx + ay * by + az * bz)


def _direction(where: Where) -> tuple[float, float, float]:
    north, east = (radians(each) for each in where)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)


def _breaks_a_date(entry: Entry, found: Known) -> bool:
    own = found.dates.get(entry.type, [])
    named = {earlier for earlier, _, _ in own}
    for earlier, later, limit in [*own, *(each for each in DATES if each[0] not in named)]:
        begins, ends = (_date(entry, name, found.calendar.zone) for name in (earlier, later))
        if begins is not None and ends is not None and ends - begins > timedelta(seconds=limit):
            return True
    return False


def _date(entry: Entry, name: str, zone: ZoneInfo) -> datetime | None:
    if name in ("occurred_at", "recorded_at"):
        return entry.happened_at if name == "occurred_at" else entry.recorded_at
    try:
        said = datetime.fromisoformat(entry.fields.get(name, ""))
        return (said if said.tzinfo else said.replace(tzinfo=zone)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def cases(told: Iterable[Told]) -> list[tuple[datetime, Doubted]]:
    """With when each was opened, or had proof added."""
    whens = {"authenticity_case_opened": "opened_at", "authenticity_proof_added": "added_at"}
    return [
        (
            each.at(whens[each.name]),
            Doubted(
                each.data["rule"],
                each.data["rep_id"],
                frozenset(each.data["doubted"]),
                frozenset(each.data.get("facts", {})),
            ),
        )
        for each in told
        if each.name in whens
    ]


def disagreements(
    told: Sequence[Told], summaries: Summaries, zone: str, until: datetime
) -> list[str]:
    """Cases that nothing speaks for, doubts without a case. Nothing where all is well."""
    found = []
    opened = cases(told)
    for opened_at, case in opened:
        then = doubts(known(told, summaries, zone, opened_at), opened_at)
        doubted = frozenset[str]().union(*(each.actions for each in then if each[:2] == case[:2]))
        if not case.actions <= doubted:
            found.append(f"{case.rule} of {case.rep_id}: nothing is wrong with {case.actions}")
    for doubt in doubts(known(told, summaries, zone, until), until):
        stands = [case for _, case in opened if case[:2] == doubt[:2]]
        if not any(case.actions & doubt.actions and doubt.kinds <= case.kinds for case in stands):
            found.append(f"{doubt.rule} of {doubt.rep_id}: no case for {sorted(doubt.actions)}")
    return found
