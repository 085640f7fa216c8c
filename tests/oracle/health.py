"""Health by one reckoning of our own, from a tenant's events read as JSON (S2).

Nothing here is shared with the services. A day is judged by what was recorded when the first score
of that day was; for tenants that keep the default rules and limits and pipelines that nobody
migrates.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.behaviour import Told, moment

DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)
FORTNIGHT = 14 * DAY
LOW_BELOW = 60
LINES: Mapping[str, tuple[Fraction, Fraction]] = {
    "calls": (Fraction(0), Fraction(2)),
    "visits": (Fraction(0), Fraction(1)),
    "messages": (Fraction(0), Fraction(3)),
    "two_way_ratio": (Fraction(0), Fraction(2, 5)),
    "documents_opened": (Fraction(0), Fraction(2)),
    "proposal_revisions": (Fraction(5), Fraction(2)),
    "customer_questions": (Fraction(0), Fraction(3)),
    "decision_makers": (Fraction(0), Fraction(1)),
    "next_step": (Fraction(0), Fraction(1)),
    "silence": (Fraction(2), Fraction(0)),
    "stage_age": (Fraction(3), Fraction(1)),
    "evidence_rate": (Fraction(0), Fraction(1)),
}
"""By input: where it is worth nothing, and where it is worth everything."""
COUNTED = {
    "calls": ({"call"}, None),
    "visits": ({"visit"}, None),
    "messages": ({"message", "email"}, None),
    "documents_opened": ({"document_opened"}, "documents_opened"),
    "proposal_revisions": ({"proposal_revised"}, None),
    "customer_questions": ({"customer_question"}, "customer_questions"),
}
OF_LEADS = {"call", "visit", "message", "email", "meeting"}
LEAD_SILENCE = timedelta(hours=72)
HOLIDAYS = {(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)}


class Day(NamedTuple):
    """`known_at`: when it was judged."""

    day: date
    ends: datetime
    known_at: datetime


class Score(NamedTuple):
    """As a `health_scored` says it; `parts`: what was measured, and the points it is worth."""

    day: date
    score: float | None
    parts: tuple[tuple[str, float, float], ...]
    missing: frozenset[str]
    low_since: date | None


@dataclass
class Calendar:
    zone: ZoneInfo
    told: dict[date, bool] = field(default_factory=dict)
    years: set[int] = field(default_factory=set)

    def works(self, day: date) -> bool:
        if day in self.told:
            return self.told[day]
        if day.year not in self.years and (day.month, day.day) in HOLIDAYS:
            return False
        return day.isoweekday() < 6

    def between(self, begins: datetime, ends: datetime) -> timedelta:
        """Whole time less what of it lies on days off."""
        passed = max(timedelta(), ends - begins)
        day = begins.astimezone(self.zone).date()
        while (starts := datetime(day.year, day.month, day.day, tzinfo=self.zone)) < ends:
            if not self.works(day):
                passed -= max(timedelta(), min(ends, starts + DAY) - max(begins, starts))
            day += DAY
        return passed


@dataclass
class Subject:
    """The events of an opportunity, or a lead, in their order."""

    kind: str
    subject_id: str
    events: list[Told] = field(default_factory=list)

    def known(self, at: datetime) -> list[Told]:
        """Without what an import wrote that was taken back by then."""
        found: list[Told] = []
        for each in self.events:
            if each.recorded_at > at:
                continue
            match each.name:
                case "opportunity_withdrawn":
                    found.clear()
                case "lead_ending_taken_back":
                    found.remove(next(one for one in reversed(found) if one.name in _ENDINGS))
                case _:
                    found.append(each)
        return found


class Tenant:
    def __init__(self, told: Iterable[Told], zone: str) -> None:
        self.calendar = Calendar(ZoneInfo(zone))
        self.live_at: datetime | None = None
        self.types: list[tuple[datetime, str]] = []
        self.subjects: dict[tuple[str, str], Subject] = {}
        self.recorded: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for each in told:
            self._take(each)

    def _take(self, each: Told) -> None:
        data, log = each.data, each.type.split(".")[0]
        match each.name:
            case "tenant_went_live":
                self.live_at = each.at("live_at")
            case "calendar_days_set":
                self.calendar.told |= {
                    date.fromisoformat(day): works for day, works in data["days"].items()
                }
                self.calendar.years.add(data["year"])
            case "action_type_defined":
                self.types.append((each.recorded_at, data["definition"]["type"]))
            case "health_scored" | "health_stayed_low":
                self.recorded[data["subject_kind"], data["subject_id"]].append(each)
        aggregate = each.stream.split("/")[1]
        if (log, aggregate) in (("opportunities", "opportunity"), ("leads", "lead")):
            key = (aggregate, each.stream.split("/", 2)[2])
            self.subjects.setdefault(key, Subject(*key)).events.append(each)

    def days(self) -> list[Day]:
        """Those that anything was scored for."""
        judged: dict[date, datetime] = {}
        for events in self.recorded.values():
            for each in events:
                if each.name == "health_scored":
                    day = date.fromisoformat(each.data["day"])
                    judged[day] = min(judged.get(day, each.recorded_at), each.recorded_at)
        zone = self.calendar.zone
        found = []
        for day, known_at in sorted(judged.items()):
            after = day + DAY
            ends = datetime(after.year, after.month, after.day, tzinfo=zone)
            found.append(Day(day, ends, known_at))
        return found


BroughtIn = set[tuple[tuple[str, str], date]]
"""Whose manager was brought in, and since when it was low."""


def reckoned(tenant: Tenant) -> tuple[dict[tuple[str, str], list[Score]], BroughtIn]:
    """Of every subject, what should have been said of it, not again while it is the same; and
    where it was low at the end of two days in a row."""
    found: dict[tuple[str, str], list[Score]] = {}
    brought_in: BroughtIn = set()
    for day in tenant.days():
        medians = _medians(tenant, day)
        for key, subject in tenant.subjects.items():
            at_work = _at_work(subject, day)
            if at_work is None:
                continue
            measured = (
                _of_opportunity(tenant, at_work, day, medians)
                if subject.kind == "opportunity"
                else _of_lead(tenant, at_work, day)
            )
            said = found.setdefault(key, [])
            since = at_work.since.astimezone(tenant.calendar.zone).date()
            score = _score(measured, day.day, said[-1].low_since if said else None, since)
            if not said or score[1:] != said[-1][1:]:
                said.append(score)
            if score.low_since is not None and score.low_since < day.day:
                brought_in.add((key, score.low_since))
    return found, brought_in


def said(tenant: Tenant) -> dict[tuple[str, str], list[Score]]:
    """Of every subject, what was recorded of it."""
    found: dict[tuple[str, str], list[Score]] = {}
    for key, events in tenant.recorded.items():
        for each in events:
            if each.name == "health_scored":
                data = each.data
                low_since = data["low_since"]
                found.setdefault(key, []).append(
                    Score(
                        date.fromisoformat(data["day"]),
                        data["score"],
                        tuple(
                            sorted(
                                (part["input"], part["measured"], part["points"])
                                for part in data["parts"]
                            )
                        ),
                        frozenset(data["missing"]),
                        None if low_since is None else date.fromisoformat(low_since),
                    )
                )
    return found


def disagreements(tenant: Tenant) -> list[str]:
    """The first of every subject; nothing where what was recorded is what should have been."""
    (ours, brought_in), theirs = reckoned(tenant), said(tenant)
    told = {
        (key, date.fromisoformat(each.data["low_since"]))
        for key, events in tenant.recorded.items()
        for each in events
        if each.name == "health_stayed_low"
    }
    found = [f"brought in, or not: {each}" for each in sorted(told ^ brought_in)]
    for key in sorted(ours.keys() | theirs.keys()):
        for expected, recorded in zip_longest(ours.get(key, []), theirs.get(key, [])):
            if expected is None or recorded is None or not _alike(expected, recorded):
                found.append(f"{'/'.join(key)}: {recorded} instead of {expected}")
                break
    return found


def _alike(one: Score, other: Score) -> bool:
    """To the fourth decimal, which two ways of reckoning may round apart."""
    named = [(each.day, each.missing, each.low_since) for each in (one, other)]
    inputs = [[part[0] for part in each.parts] for each in (one, other)]
    if (
        named[0] != named[1]
        or inputs[0] != inputs[1]
        or (one.score is None) != (other.score is None)
    ):
        return False
    pairs = [(one.score or 0.0, other.score or 0.0)]
    for ours, theirs in zip(one.parts, other.parts, strict=True):
        pairs += [(ours[1], theirs[1]), (ours[2], theirs[2])]
    return all(abs(a - b) <= 2e-4 for a, b in pairs)


@dataclass
class AtWork:
    """One that was open, or held, at the end of a day, with what was known of it. `since`: since
    when without a break."""

    known: list[Told]
    since: datetime


_ENDINGS = {"lead_converted", "lead_disqualified"}
_BEGINS = {
    "opportunity": {"opportunity_opened": "opened_at", "opportunity_reopened": "reopened_at"},
    "lead": {"lead_assigned": "assigned_at"},
}
_ENDS = {
    "opportunity": {"opportunity_won": "won_at", "opportunity_lost": "lost_at"},
    "lead": {
        "lead_returned": "returned_at",
        "lead_converted": "converted_at",
        "lead_disqualified": "disqualified_at",
        "lead_withdrawn": "withdrawn_at",
    },
}


def _at_work(subject: Subject, day: Day) -> AtWork | None:
    known = subject.known(day.known_at)
    if subject.kind == "opportunity" and (not known or known[0].recorded_at >= day.ends):
        return None
    since: datetime | None = None
    for each in known:
        if (begins := _BEGINS[subject.kind].get(each.name)) and each.at(begins) < day.ends:
            since = since or each.at(begins)
        elif (ends := _ENDS[subject.kind].get(each.name)) and each.at(ends) < day.ends:
            since = None
    return None if since is None else AtWork(known, since)


def _score(
    measured: Mapping[str, Fraction | None], day: date, was_low_since: date | None, since: date
) -> Score:
    worth = {
        name: min(Fraction(1), max(Fraction(0), (value - nothing) / (everything - nothing)))
        for name, (nothing, everything) in LINES.items()
        if (value := measured[name]) is not None
    }
    total = 100 * sum(worth.values()) / len(worth) if worth else None
    low_since = None
    if total is not None and total < LOW_BELOW:
        low_since = was_low_since if was_low_since and was_low_since >= since else day
    parts = sorted(
        (name, round(float(measured[name] or 0), 4), round(float(100 * fit / len(worth)), 4))
        for name, fit in worth.items()
    )
    return Score(
        day,
        None if total is None else round(float(total), 4),
        tuple(parts),
        frozenset(name for name, value in measured.items() if value is None),
        low_since,
    )


@dataclass
class Act:
    order: tuple[datetime, int]
    data: dict[str, Any]
    evidence: list[str]
    next_due: datetime | None
    is_invalid: bool

    @property
    def at(self) -> datetime:
        return self.order[0]


def _acts(known: Sequence[Told], until: datetime) -> list[Act]:
    """Valid ones that happened by then, on the opportunity while it was open."""
    acts: dict[str, Act] = {}
    changes: list[tuple[tuple[datetime, int], bool]] = []
    for each in known:
        data = each.data
        act = acts.get(data.get("action_id", ""))
        match each.name:
            case "action_logged":
                acts[data["action_id"]] = _act(each, each.version, data.get("contact_id"))
            case "action_corrected" if act is not None:
                acts[data["action_id"]] = _act(each, act.order[1], act.data.get("contact_id"))
            case "action_voided" if act is not None:
                del acts[data["action_id"]]
            case "evidence_attached" if act is not None:
                act.evidence += [piece["kind"] for piece in data["evidence"]]
                act.is_invalid = bool(data["invalid_reasons"])
            case "visit_next_action_booked" if act is not None:
                act.next_due = moment(data["next_action"]["due_at"])
                act.is_invalid = bool(data["invalid_reasons"])
            case "visit_fields_filled" | "visit_summarised" if act is not None:
                act.is_invalid = bool(data["invalid_reasons"])
            case "opportunity_won" | "opportunity_lost":
                changes.append(((each.at(_ENDS["opportunity"][each.name]), each.version), False))
            case "opportunity_reopened":
                changes.append(((each.at("reopened_at"), each.version), True))
    times = [order for order, _ in changes]
    found = []
    for act in acts.values():
        before = bisect_left(times, act.order)
        was_open = before == 0 or changes[before - 1][1]
        if was_open and not act.is_invalid and act.at < until:
            found.append(act)
    return found


def _act(each: Told, version: int, contact_id: str | None) -> Act:
    data = {**each.data, "contact_id": contact_id}
    booked = data.get("next_action")
    return Act(
        order=(each.at("happened_at"), version),
        data=data,
        evidence=[piece["kind"] for piece in data.get("evidence", [])],
        next_due=moment(booked["due_at"]) if booked else None,
        is_invalid=bool(data.get("invalid_reasons")),
    )


def _of_opportunity(
    tenant: Tenant, work: AtWork, day: Day, medians: Mapping[tuple[str, str], Fraction]
) -> dict[str, Fraction | None]:
    acts = _acts(work.known, day.ends)
    lately = [act for act in acts if act.at >= day.ends - FORTNIGHT]
    types = {name for recorded_at, name in tenant.types if recorded_at <= day.known_at}
    found: dict[str, Fraction | None] = {
        name: _count(lately, types, *what) for name, what in COUNTED.items()
    }
    ways = [act.data["direction"] for act in lately if act.data["is_contact"]]
    ways = [way for way in ways if way]
    found["two_way_ratio"] = Fraction(ways.count("inbound"), len(ways)) if ways else None
    deciding = [act.data for act in lately if _figure(act, "decision_maker") is not None]
    contacts = {each["contact_id"] for each in deciding if each["fields"]["decision_maker"]}
    found["decision_makers"] = Fraction(len(contacts)) if deciding else None
    booked = any(act.next_due and act.next_due > day.ends for act in acts)
    found["next_step"] = Fraction(int(booked))
    demanding = [act for act in lately if act.data["evidence_required"]]
    proven = sum(set(act.data["evidence_required"]) <= set(act.evidence) for act in demanding)
    found["evidence_rate"] = Fraction(proven, len(demanding)) if demanding else None
    course = _course(work.known, day.ends)
    pipeline = work.known[0].data["pipeline"]
    stage, entered_at = course[-1]
    signs = [at for _, at in course] + [act.at for act in acts if act.data["ends_silence"]]
    since = max(signs)
    is_business = pipeline["silence_in_business_time"]
    silent = tenant.calendar.between(since, day.ends) if is_business else day.ends - since
    limits = {each["name"]: each["silence_limit_seconds"] for each in pipeline["stages"]}
    found["silence"] = _seconds(silent) / limits[stage]
    median = medians.get((pipeline["name"], stage))
    found["stage_age"] = _seconds(day.ends - entered_at) / median if median else None
    return found


def _of_lead(tenant: Tenant, work: AtWork, day: Day) -> dict[str, Fraction | None]:
    calls = [
        (each.at("contacted_at"), each.data["type"])
        for each in work.known
        if each.name == "lead_contacted" and each.at("contacted_at") < day.ends
    ]
    lately = [kind for at, kind in calls if at >= day.ends - FORTNIGHT]
    given = [each.at("assigned_at") for each in work.known if each.name == "lead_assigned"]
    since = max(at for at in (*given, *(at for at, _ in calls)) if at < day.ends)
    found: dict[str, Fraction | None] = dict.fromkeys(LINES)
    for name in ("calls", "visits", "messages"):
        found[name] = Fraction(sum(kind in COUNTED[name][0] for kind in lately))
    found["next_step"] = Fraction(0)
    silent = tenant.calendar.between(since, day.ends)
    found["silence"] = _seconds(silent) / _seconds(LEAD_SILENCE)
    return found


def _count(
    lately: Sequence[Act], types: set[str], kinds: set[str], figure: str | None
) -> Fraction | None:
    said = [value for act in lately if (value := _figure(act, figure)) is not None]
    if not said and not kinds & types:
        return None
    return sum(said, Fraction(0)) + sum(act.data["type"] in kinds for act in lately)


def _figure(act: Act, name: str | None) -> Fraction | None:
    value = act.data["fields"].get(name)
    return Fraction(str(float(value))) if isinstance(value, int | float) else None


def _course(known: Sequence[Told], until: datetime) -> list[tuple[str, datetime]]:
    """The stages it entered before a moment, reopening into one is entering it."""
    return [(stage, at) for stage, at in _entries(known) if stage and at < until]


def _entries(known: Sequence[Told]) -> Iterator[tuple[str | None, datetime]]:
    """None where it was closed."""
    for each in known:
        match each.name:
            case "opportunity_opened":
                yield each.data["stage"], each.at("opened_at")
            case "stage_changed":
                yield each.data["to_stage"], each.at("changed_at")
            case "opportunity_reopened":
                yield each.data["stage"], each.at("reopened_at")
            case "opportunity_won" | "opportunity_lost":
                yield None, each.at(_ENDS["opportunity"][each.name])


def _medians(tenant: Tenant, day: Day) -> dict[tuple[str, str], Fraction]:
    """Seconds in a stage of those that are won by then, as is known by then."""
    spent: dict[tuple[str, str], list[Fraction]] = defaultdict(list)
    for subject in tenant.subjects.values():
        known = subject.known(day.known_at)
        endings = [each for each in known if each.name.removeprefix("opportunity_") in _STANDINGS]
        if not endings or endings[-1].name != "opportunity_won":
            continue
        if endings[-1].at("won_at") >= day.ends:
            continue
        in_stage: dict[str, Fraction] = defaultdict(Fraction)
        course = list(_entries(known))
        for (stage, entered_at), (_, left_at) in pairwise(course):
            if stage is not None:
                in_stage[stage] += _seconds(max(timedelta(), left_at - entered_at))
        for stage, seconds in in_stage.items():
            spent[known[0].data["pipeline"]["name"], stage].append(seconds)
    return {key: _middle(sorted(times)) for key, times in spent.items()}


_STANDINGS = {"won", "lost", "reopened"}


def _middle(ordered: Sequence[Fraction]) -> Fraction:
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2


def _seconds(time: timedelta) -> Fraction:
    return Fraction(time // MILLISECOND, 1000)
