"""What a log says by itself: one pure walk over its events, straight from the file.

Nothing here is shared with the services: the events are read as JSON and counted as
capabilities.md says, for pipelines in wall time that nobody migrates.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from shared.envelope import StoredEvent

Order = tuple[datetime, int]
Scope = tuple[str, str | None]
"""A unit as a whole, or one rep of it."""
AFTERWARDS = 1 << 62
"""A version after every other: what happened at that very moment is included."""


class Recorded(NamedTuple):
    log: str
    stream: str
    version: int
    event_id: str
    type: str
    command_id: str | None
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The type without service and version."""
        return self.type.split(".")[1]

    def order(self, field_name: str) -> Order:
        return moment(self.data[field_name]), self.version


def as_recorded(stored: StoredEvent) -> Recorded:
    """From wherever a log is kept."""
    return Recorded(
        stored.log,
        stored.stream,
        stored.version,
        str(stored.event_id),
        stored.type,
        stored.command_id,
        json.loads(stored.payload),
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def read_log(folder: Path) -> list[Recorded]:
    """Every event of every log, in the order of each stream; the file is only read."""
    connection = sqlite3.connect(f"file:{folder / 'events.db'}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT log, stream, version, event_id, type, command_id, payload FROM events"
            " ORDER BY log, partition, log_offset"
        ).fetchall()
    finally:
        connection.close()
    return [
        Recorded(log, stream, version, str(UUID(bytes=event_id)), type_name, key, json.loads(data))
        for log, stream, version, event_id, type_name, key, data in rows
    ]


@dataclass
class Stay:
    """In a stage from entering to leaving; `how`: forward, skip, backward, won or lost."""

    stage: str
    entered: Order
    is_change: bool
    direction: str = ""
    left: Order | None = None
    how: str = ""


class Action(NamedTuple):
    order: Order
    type: str
    ends_silence: bool


class Owner(NamedTuple):
    since: Order
    owner_id: str | None
    unit_path: tuple[str, ...]

    @property
    def scopes(self) -> set[Scope]:
        wholes: set[Scope] = {(unit, None) for unit in self.unit_path}
        return wholes | {(unit, self.owner_id) for unit in self.unit_path if self.owner_id}


class Stalled(NamedTuple):
    opportunity_id: str
    due_at: datetime
    stage: str
    owner_id: str | None
    unit_id: str
    state: str


@dataclass
class Deal:
    """One opportunity; `spans` are the times it was open."""

    opportunity_id: str
    customer_id: str
    limits: dict[str, timedelta]
    golden: dict[str, list[str]]
    spans: list[tuple[Order, Order | None]] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    logged: dict[str, Action] = field(default_factory=dict)

    def enter(self, stay: Stay) -> None:
        if self.stays and self.stays[-1].left is None:
            self.stays[-1].left, self.stays[-1].how = stay.entered, stay.direction
        self.stays.append(stay)

    def close(self, order: Order, how: str) -> None:
        self.stays[-1].left, self.stays[-1].how = order, how
        self.spans[-1] = (self.spans[-1][0], order)

    def owner_at(self, order: Order) -> Owner:
        return [each for each in self.owners if each.since <= order][-1]

    def stage_at(self, order: Order) -> str:
        return [each.stage for each in self.stays if each.entered <= order][-1]

    def open_at(self, at: datetime) -> bool:
        now = (at, AFTERWARDS)
        return any(
            opened <= now and (closed is None or closed > now) for opened, closed in self.spans
        )

    def actions(self, opened: Order, closed: Order | None) -> list[Action]:
        return sorted(
            each
            for each in self.logged.values()
            if opened <= each.order and (closed is None or each.order < closed)
        )

    def activities(self, opened: Order, closed: Order | None) -> list[Order]:
        """What ended a silence while it was open, the opening first."""
        entered = [each.entered for each in self.stays if opened <= each.entered]
        within = [each for each in entered if closed is None or each < closed]
        heard = [each.order for each in self.actions(opened, closed) if each.ends_silence]
        return sorted([*within, *heard])

    def silences(self) -> Iterator[tuple[datetime, str, datetime | None]]:
        """When each silence was due, in which stage, and when it ended."""
        for opened, closed in self.spans:
            begins = self.activities(opened, closed)
            for begin, end in zip(begins, [*begins[1:], closed], strict=True):
                stage = self.stage_at(begin)
                yield begin[0] + self.limits[stage], stage, end and end[0]


def deals(events: Iterable[Recorded]) -> list[Deal]:
    """Raises AssertionError for an event that this walk does not know how to count."""
    found: dict[str, Deal] = {}
    for event in events:
        if "/opportunity/" in event.stream:
            _walk(found, event)
    return list(found.values())


def _walk(found: dict[str, Deal], event: Recorded) -> None:
    data = event.data
    deal = found.get(data["opportunity_id"])
    if event.name == "opportunity_opened":
        found[data["opportunity_id"]] = _opened(event)
        return
    assert deal is not None, f"{event.stream} does not begin with its opening"
    match event.name:
        case "opportunity_withdrawn":
            del found[data["opportunity_id"]]
        case "stage_changed":
            entered = event.order("changed_at")
            deal.enter(Stay(data["to_stage"], entered, True, data["direction"]))
        case "opportunity_won":
            deal.close(event.order("won_at"), "won")
        case "opportunity_lost":
            deal.close(event.order("lost_at"), "lost")
        case "opportunity_reopened":
            order = event.order("reopened_at")
            deal.stays.append(Stay(data["stage"], order, False))
            deal.spans.append((order, None))
        case "opportunity_assigned":
            path = tuple(data["unit_path"])
            deal.owners.append(Owner(event.order("assigned_at"), data["owner_id"], path))
        case "action_logged" if not data["invalid_reasons"]:
            order = event.order("happened_at")
            deal.logged[data["action_id"]] = Action(order, data["type"], data["ends_silence"])
        case "action_voided":
            deal.logged.pop(data["action_id"], None)
        case "opportunity_customer_changed" | "action_logged":
            pass
        case other:
            raise AssertionError(f"nobody said how {other} is counted")


def _opened(event: Recorded) -> Deal:
    data = event.data
    order = event.order("opened_at")
    stages = data["pipeline"]["stages"]
    deal = Deal(
        opportunity_id=data["opportunity_id"],
        customer_id=data["customer_id"],
        limits={each["name"]: timedelta(seconds=each["silence_limit_seconds"]) for each in stages},
        golden={each["name"]: [one["action"] for one in each["golden_actions"]] for each in stages},
    )
    deal.spans.append((order, None))
    deal.stays.append(Stay(data["stage"], order, False))
    deal.owners.append(Owner(order, data["owner_id"], tuple(data["unit_path"])))
    return deal


def silence_rows(events: Iterable[Recorded], at: datetime) -> list[dict[str, Any]]:
    """The silence board as it stands at a moment (P2)."""
    rows: list[tuple[datetime, str, dict[str, Any]]] = []
    for deal in deals(events):
        if not deal.open_at(at):
            continue
        now = (at, AFTERWARDS)
        opened, closed = next(each for each in reversed(deal.spans) if each[0] <= now)
        last = [each for each in deal.activities(opened, closed) if each <= now][-1][0]
        stage = deal.stage_at(now)
        due = last + deal.limits[stage]
        owner = deal.owner_at(now)
        row = {
            "opportunity_id": deal.opportunity_id,
            "customer_id": deal.customer_id,
            "stage": stage,
            "unit_id": owner.unit_path[-1],
            "owner_id": owner.owner_id,
            "last_activity_at": last,
            "limit_hours": deal.limits[stage] / timedelta(hours=1),
            "hours_left": (due - at) / timedelta(hours=1),
        }
        rows.append((due, deal.opportunity_id, row))
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]


def stalled(events: Iterable[Recorded], at: datetime) -> set[Stalled]:
    """The signals `stalled` that are not retracted at a moment (O1)."""
    found = set()
    for deal in deals(events):
        for due, stage, ended in deal.silences():
            if due >= at or (ended is not None and ended <= due):
                continue
            owner = deal.owner_at((due, AFTERWARDS))
            state = "open" if ended is None or ended > at else "resolved"
            unit = owner.unit_path[-1]
            found.add(Stalled(deal.opportunity_id, due, stage, owner.owner_id, unit, state))
    return found


def process_health(
    events: Iterable[Recorded], week: tuple[datetime, datetime], at: datetime
) -> dict[Scope, dict[str, int]]:
    """The counts of a running week at a moment, for every unit and rep with something (P3)."""
    members: dict[tuple[Scope, str], set[str]] = defaultdict(set)
    for deal in deals(events):
        for stay in deal.stays:
            if stay.is_change and week[0] <= stay.entered[0] < min(at, week[1]):
                for scope in deal.owner_at(stay.entered).scopes:
                    members[scope, "moved"].add(deal.opportunity_id)
                    if stay.direction == "skip":
                        members[scope, "skipped"].add(deal.opportunity_id)
        if deal.open_at(at):
            over = any(due < at and (end is None or end > at) for due, _, end in deal.silences())
            for scope in deal.owner_at((at, AFTERWARDS)).scopes:
                members[scope, "open"].add(deal.opportunity_id)
                if over:
                    members[scope, "overrun"].add(deal.opportunity_id)
    scopes = {scope for scope, _ in members}
    counts = ("moved", "skipped", "open", "overrun")
    return {scope: {each: len(members[scope, each]) for each in counts} for scope in scopes}


def golden_actions(events: Iterable[Recorded]) -> dict[tuple[Scope, str, str], tuple[int, int]]:
    """Done and due of all time, by scope, stage and action (P5)."""
    found: dict[tuple[Scope, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for deal in deals(events):
        for stay in deal.stays:
            if stay.left is None or stay.how not in ("forward", "skip", "won"):
                continue
            done = {
                each.type for each in _while_open(deal) if stay.entered <= each.order < stay.left
            }
            for action in deal.golden[stay.stage]:
                for scope in deal.owner_at(stay.left).scopes:
                    counted = found[scope, stay.stage, action]
                    counted[0] += action in done
                    counted[1] += 1
    return {key: (done, due) for key, (done, due) in found.items()}


def _while_open(deal: Deal) -> Iterator[Action]:
    for opened, closed in deal.spans:
        yield from deal.actions(opened, closed)
