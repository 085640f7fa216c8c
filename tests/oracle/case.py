"""One case of a log, walked row by row: how the opportunity stands after each of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the activities of a log mean. `golden` is by stage, `parents` by unit (root: None)."""

    source: str
    currency: str
    zone: str
    stages: tuple[str, ...]
    stage_entered_by: Mapping[str, str]
    limits: Mapping[str, timedelta]
    golden: Mapping[str, tuple[str, ...]]
    won_by: frozenset[str]
    lost_by: Mapping[str, str]
    nobody: frozenset[str]
    team_of: Callable[[str], str]
    unowned_unit: str
    parents: Mapping[str, str | None]

    def opportunity_id(self, case: str) -> str:
        return f"{self.source}-{case}"

    def rep_id(self, resource: str) -> str | None:
        return None if resource in self.nobody else f"rep-{resource}"

    def units_above(self, unit: str | None) -> Iterator[str]:
        """The unit itself, then each one above it up to the root."""
        while unit is not None:
            yield unit
            unit = self.parents[unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    case: str
    activity: str
    lifecycle: str
    resource: str
    amount: Decimal
    at: datetime

    @property
    def action(self) -> str:
        return f"{self.activity} {self.lifecycle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an opportunity stands from the row at `since` on, until its next row.

    `status`: open, won, or lost:<reason>. `done`: actions since the stage was last entered.
    """

    since: datetime
    status: str
    stage: str
    owner: str | None
    unit: str
    done: frozenset[str]

    @property
    def is_open(self) -> bool:
        return self.status == "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A stage change: forward, skip or backward, with the owner and unit of that moment."""

    at: datetime
    from_stage: str
    to_stage: str
    direction: str
    owner: str | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenStay:
    """A stay left forward or by winning, for one golden action of its stage: was it done?"""

    left_at: datetime
    stage: str
    action: str
    done: bool
    owner: str | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    opportunity_id: str
    customer_id: str
    amount: Decimal
    standings: tuple[Standing, ...]
    changes: tuple[Change, ...]
    stays: tuple[GoldenStay, ...]

    def before(self, moment: datetime) -> Standing | None:
        """How it stood at the end of a window that ends at `moment`: by the rows before it."""
        return _last(row for row in self.standings if row.since < moment)

    def at(self, moment: datetime) -> Standing | None:
        """How it stands as of `moment`: by the rows up to and including it."""
        return _last(row for row in self.standings if row.since <= moment)


def _last(standings: Iterable[Standing]) -> Standing | None:
    last = None
    for standing in standings:
        last = standing
    return last


def walk(rows: list[Row], rules: Rules) -> Case:
    """Walk the rows of one case in order; those after the closing one count nowhere."""
    first = rows[0]
    standing = _open(first, rules)
    standings = [standing]
    changes: list[Change] = []
    stays: list[GoldenStay] = []
    for row in rows[1:]:
        standing = _after(standing, row, rules)
        before = standings[-1]
        standings.append(standing)
        if standing.stage != before.stage:
            changes.append(_change(before, standing, rules))
        if standing.status == "won" or (changes and _moved_on(changes[-1], standing, before)):
            stays.extend(_stays(before, standing, rules))
        if not standing.is_open:
            break
    return Case(
        opportunity_id=rules.opportunity_id(first.case),
        customer_id=f"customer-{first.case}",
        amount=first.amount,
        standings=tuple(standings),
        changes=tuple(changes),
        stays=tuple(stays),
    )


def _open(row: Row, rules: Rules) -> Standing:
    owner, unit = _owner(None, row, rules)
    return Standing(
        since=row.at,
        status="open",
        stage=rules.stages[0],
        owner=owner,
        unit=unit,
        done=frozenset(),
    )


def _after(standing: Standing, row: Row, rules: Rules) -> Standing:
    owner, unit = _owner(standing.owner, row, rules)
    status, stage, done = "open", standing.stage, standing.done
    if row.activity in rules.won_by:
        status = "won"
    elif row.activity in rules.lost_by:
        status = f"lost:{rules.lost_by[row.activity]}"
    elif rules.stage_entered_by.get(row.activity, stage) != stage:
        stage, done = rules.stage_entered_by[row.activity], frozenset()
    else:
        done = done | {row.action}
    return Standing(since=row.at, status=status, stage=stage, owner=owner, unit=unit, done=done)


def _owner(owner: str | None, row: Row, rules: Rules) -> tuple[str | None, str]:
    """The first person of the case, from that row on, and the unit that goes with it."""
    if owner is None and row.resource not in rules.nobody:
        owner = row.resource
    return owner, rules.unowned_unit if owner is None else rules.team_of(owner)


def _change(before: Standing, after: Standing, rules: Rules) -> Change:
    steps = rules.stages.index(after.stage) - rules.stages.index(before.stage)
    return Change(
        at=after.since,
        from_stage=before.stage,
        to_stage=after.stage,
        direction="forward" if steps == 1 else "skip" if steps > 1 else "backward",
        owner=after.owner,
        unit=after.unit,
    )


def _moved_on(change: Change, standing: Standing, before: Standing) -> bool:
    return standing.stage != before.stage and change.direction != "backward"


def _stays(before: Standing, after: Standing, rules: Rules) -> Iterator[GoldenStay]:
    for action in rules.golden.get(before.stage, ()):
        yield GoldenStay(
            left_at=after.since,
            stage=before.stage,
            action=action,
            done=action in before.done,
            owner=after.owner,
            unit=after.unit,
        )
