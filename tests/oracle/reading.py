"""What a log of sales cases means: stalls, silence, process health and golden actions.

Written from the reference reading alone, as the other calculation that the product is compared
with: cases are walked row by row and every figure is found by asking each case how it stood at
that moment. Slow, single-threaded and free of interval arithmetic on purpose.

Edges (all fixed by the figures quoted for the bank log, or by the rules where those are silent):
a window is [start, end) and the running one ends at the clock; the state at its end is made of
the rows before it; silent over the limit means strictly longer; a stall is raised when its due
time lies before the clock; a board as of T knows the rows up to and including T.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from tests.oracle.case import Case, Row, Rules, Standing, walk

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A `stalled` signal. `ended_at` None: still silent at the clock."""

    opportunity_id: str
    stage: str
    anchor_at: datetime
    due_at: datetime
    ended_at: datetime | None
    owner_id: str | None
    unit_id: str

    @property
    def state(self) -> str:
        return "open" if self.ended_at is None else "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A row of the silence board; `hours_left` is negative when over."""

    opportunity_id: str
    customer_id: str
    stage: str
    unit_id: str
    owner_id: str | None
    amount: Decimal
    last_activity_at: datetime
    limit_hours: float
    hours_left: float


@dataclass(slots=True)
class Health:
    """Process health of a unit or rep in one week; no action of these logs requires evidence."""

    moved: int = 0
    skipped: int = 0
    open: int = 0
    overrun: int = 0
    evidence_rate: None = None

    @property
    def stage_compliance(self) -> float | None:
        return (self.moved - self.skipped) / self.moved if self.moved else None

    @property
    def silence_overrun(self) -> float | None:
        return self.overrun / self.open if self.open else None

    @property
    def index(self) -> float | None:
        """P3 over the parts present, 0-100; without the evidence rate, which is never present."""
        parts = []
        if self.stage_compliance is not None:
            parts.append((0.6, self.stage_compliance))
        if self.silence_overrun is not None:
            parts.append((0.1, 1 - self.silence_overrun))
        if not parts:
            return None
        return 100 * sum(weight * part for weight, part in parts) / sum(w for w, _ in parts)


@dataclass(slots=True)
class Golden:
    due: int = 0
    done: int = 0


HealthKey = tuple[str, str | None, str]
"""Unit, rep (None: the unit with everything below it), ISO week such as 2011-W45."""

GoldenKey = tuple[str, str | None, str, str]
"""Unit, rep (None: the unit with everything below it), stage, action."""


@dataclass(slots=True)
class Reading:
    """A log as it stands at the clock: the last row's time, or `until`; later rows are unread."""

    rules: Rules
    clock: datetime
    cases: list[Case]
    rows: int
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = min(case.standings[0].since for case in self.cases)

    def stalls(self) -> list[Stall]:
        """Every `stalled` signal due before the clock, by due time and opportunity."""
        found = [stall for case in self.cases for stall in self._stalls_of(case)]
        return sorted(found, key=lambda stall: (stall.due_at, stall.opportunity_id))

    def _stalls_of(self, case: Case) -> Iterator[Stall]:
        following: list[Standing | None] = [*case.standings[1:], None]
        for standing, after in zip(case.standings, following, strict=True):
            due_at = standing.since + self.rules.limits[standing.stage]
            in_time = after is not None and after.since <= due_at
            if not standing.is_open or in_time or due_at >= self.clock:
                continue
            yield Stall(
                opportunity_id=case.opportunity_id,
                stage=standing.stage,
                anchor_at=standing.since,
                due_at=due_at,
                ended_at=after.since if after else None,
                owner_id=self._rep(standing.owner),
                unit_id=standing.unit,
            )

    def silence(self, moment: datetime | None = None) -> list[Silence]:
        """The silence board as of a moment (default: the clock), worst first, equals by id."""
        moment = self.clock if moment is None else moment
        board = []
        for case in self.cases:
            standing = case.at(moment)
            if standing is None or not standing.is_open:
                continue
            limit = self.rules.limits[standing.stage]
            board.append(
                Silence(
                    opportunity_id=case.opportunity_id,
                    customer_id=case.customer_id,
                    stage=standing.stage,
                    unit_id=standing.unit,
                    owner_id=self._rep(standing.owner),
                    amount=case.amount,
                    last_activity_at=standing.since,
                    limit_hours=limit / HOUR,
                    hours_left=(standing.since + limit - moment) / HOUR,
                )
            )
        return sorted(board, key=lambda row: (row.hours_left, row.opportunity_id))

    def process_health(self, moment: datetime | None = None) -> dict[HealthKey, Health]:
        """Every unit and rep with something to count, in every week up to a moment's."""
        moment = self.clock if moment is None else moment
        figures: dict[HealthKey, Health] = defaultdict(Health)
        for week, start, end in self._weeks(moment):
            for case in self.cases:
                self._count_moves(case, week, start, end, figures)
                standing = case.before(end)
                if standing is not None and standing.is_open:
                    over = end - standing.since > self.rules.limits[standing.stage]
                    for unit, rep in self._whose(standing.owner, standing.unit):
                        figures[unit, rep, week].open += 1
                        figures[unit, rep, week].overrun += over
        return dict(figures)

    def _count_moves(
        self,
        case: Case,
        week: str,
        start: datetime,
        end: datetime,
        figures: dict[HealthKey, Health],
    ) -> None:
        """An opportunity counts once a week for each unit and rep whose changes it had there."""
        skipped: dict[tuple[str, str | None], bool] = {}
        for change in case.changes:
            if start <= change.at < end:
                for whose in self._whose(change.owner, change.unit):
                    skipped[whose] = skipped.get(whose, False) or change.direction == "skip"
        for (unit, rep), any_skip in skipped.items():
            figures[unit, rep, week].moved += 1
            figures[unit, rep, week].skipped += any_skip

    def golden_actions(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> dict[GoldenKey, Golden]:
        """Stays left in [start, end), ending at the clock at the latest; without both: all time."""
        figures: dict[GoldenKey, Golden] = defaultdict(Golden)
        for case in self.cases:
            for stay in case.stays:
                if start is not None and stay.left_at < start:
                    continue
                if end is not None and stay.left_at >= min(end, self.clock):
                    continue
                for unit, rep in self._whose(stay.owner, stay.unit):
                    figures[unit, rep, stay.stage, stay.action].due += 1
                    figures[unit, rep, stay.stage, stay.action].done += stay.done
        return dict(figures)

    def week(self, name: str) -> tuple[datetime, datetime]:
        """The window of an ISO week such as 2011-W45 in the zone of the rules."""
        year, number = name.split("-W")
        monday = date.fromisocalendar(int(year), int(number), 1)
        return self._midnight(monday), self._midnight(monday + timedelta(days=7))

    def month(self, name: str) -> tuple[datetime, datetime]:
        """The window of a month such as 2011-11 in the zone of the rules."""
        first = date.fromisoformat(f"{name}-01")
        following = (first + timedelta(days=31)).replace(day=1)
        return self._midnight(first), self._midnight(following)

    def _weeks(self, moment: datetime) -> Iterator[tuple[str, datetime, datetime]]:
        day = self.began.astimezone(ZoneInfo(self.rules.zone)).date()
        monday = day - timedelta(days=day.weekday())
        while (start := self._midnight(monday)) <= moment:
            year, number, _ = monday.isocalendar()
            monday += timedelta(days=7)
            yield f"{year}-W{number:02d}", start, min(self._midnight(monday), moment)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.rules.zone)).astimezone(UTC)

    def _whose(self, owner: str | None, unit: str) -> Iterator[tuple[str, str | None]]:
        for above in self.rules.units_above(unit):
            yield above, None
        if owner is not None:
            yield unit, self._rep(owner)

    def _rep(self, owner: str | None) -> str | None:
        return None if owner is None else self.rules.rep_id(owner)


def read(rows: Iterable[Row], rules: Rules, until: datetime | None = None) -> Reading:
    """Read rows by time, equal times in the order given, up to and including `until`."""
    taken = sorted((r for r in rows if until is None or r.at <= until), key=lambda r: r.at)
    by_case: dict[str, list[Row]] = defaultdict(list)
    for row in taken:
        by_case[row.case].append(row)
    return Reading(
        rules=rules,
        clock=taken[-1].at if until is None else until,
        cases=[walk(rows_of_case, rules) for rows_of_case in by_case.values()],
        rows=len(taken),
    )


def rows_of(*files: Path) -> list[Row]:
    """The rows of one or more CSV files (plain or gzip) of one history, in the files' order."""
    found: list[Row] = []
    for file in files:
        with _opened(file) as text:
            found.extend(_row(line) for line in csv.DictReader(text))
    return found


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", newline="")
    return file.open(encoding="utf-8", newline="")


def _row(line: dict[str, str]) -> Row:
    return Row(
        case=line["case:concept:name"],
        activity=line["concept:name"],
        lifecycle=line["lifecycle:transition"],
        resource=line["org:resource"],
        amount=Decimal(line["case:AMOUNT_REQ"]),
        at=datetime.fromisoformat(line["time:timestamp"]).astimezone(UTC),
    )
