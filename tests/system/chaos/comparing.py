"""What the databases hold beside what a pure fold of the log says they must."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.embedded import LOGS, build
from services.projections.queries.read_models import PROCESSES
from shared.clock import milliseconds
from shared.errors import StoreAway
from shared.journal import JournalReadModel
from shared.ports import Ports
from shared.projecting import RowReadModel
from shared.projection import Point
from shared.reaction import Reaction
from shared.read_model import ReadModel
from shared.read_store import CHECKPOINTS, DEAD_LETTERS
from tests.oracle.live import Recorded, Stalled, as_recorded, deals, moment, stalled
from tests.system.chaos.pure_fold import FoldedJournal, FoldedRows, Key, LogBook

BACK_AT_WORK_SECONDS = 60.0
"""After what was away has come back: twice what is promised, the machine is busy with faults."""
_ATTEMPTS = 20
LAG = timedelta(seconds=4)
"""How long after it was due a signal may still be on its way."""
POISON = "/poison-"
"""In the name of a stream that the suite has spoiled."""

Places = Mapping[str, Mapping[int, int]]
"""By subscription and partition the offset that comes next."""


class Target(NamedTuple):
    subscription: str
    log: str
    reads: tuple[type[Any], ...]


class Logged(NamedTuple):
    event: Recorded
    recorded_at: datetime


class Oracle:
    """`seconds`: how long subscriptions may take to get to the head."""

    def __init__(self, ports: Ports, seconds: float = BACK_AT_WORK_SECONDS) -> None:
        self._ports = ports
        self._seconds = seconds
        services = build(ports)
        followed: list[ReadModel | Reaction] = []
        for one in services:
            followed += [*one.read_models, *one.reactions]
        self._targets = [
            Target(f"{each.name}.v{each.version}", each.log, each.reads) for each in followed
        ]
        self._book = LogBook(ports.event_store, ports.codec)
        self._judged: set[str] = set()
        models = [each for one in services for each in one.read_models]
        self._rows = [
            FoldedRows(each, self._book) for each in models if isinstance(each, RowReadModel)
        ]
        self._journals = [
            FoldedJournal(each, self._book) for each in models if isinstance(each, JournalReadModel)
        ]

    async def reached(self) -> None:
        """Connections that a restart has closed are given up."""
        for check in (self._ports.event_store.check, self._ports.read_store.check):
            for _attempt in range(_ATTEMPTS):
                try:
                    await check()
                    break
                except StoreAway:
                    await asyncio.sleep(0.2)

    async def caught_up(self) -> float:
        """Until every subscription has what is committed now; in how many seconds."""
        began = monotonic()
        await self.reached()
        store = self._ports.event_store
        heads = {
            log: [await store.head(log, each) for each in range(store.partitions)] for log in LOGS
        }
        while True:
            places = await self._places()
            behind = {
                target.subscription: (partition, places.get(target.subscription, {}), head)
                for target in self._targets
                for partition, head in enumerate(heads[target.log])
                if places.get(target.subscription, {}).get(partition, 0) < head
            }
            if not behind:
                return monotonic() - began
            assert monotonic() < began + self._seconds, f"they do not move: {behind}"
            await asyncio.sleep(0.1)

    async def _places(self) -> Places:
        async with self._ports.read_store.reading() as connection:
            return await _places(connection)

    async def compare_read_models(self) -> None:
        """In one snapshot of the database: rows, figures and letters at the checkpoints there."""
        async with self._ports.read_store.reading() as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            # It is idle while a long log is folded.
            await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            places = await _places(connection)
            for log in LOGS:
                await self._book.extend(log)
            for folded in self._rows:
                name = f"{folded.model.name}.v{folded.model.version}"
                folded.advance(places.get(name, {}))
                await _compare_rows(connection, folded)
                await _compare_points(connection, folded)
            for journal in self._journals:
                name = f"{journal.model.name}.v{journal.model.version}"
                journal.advance(places.get(name, {}))
                await _compare_entries(connection, journal)
            await self._compare_letters(connection, places)

    async def _compare_letters(self, connection: AsyncConnection, places: Places) -> None:
        table = DEAD_LETTERS
        query = select(table.c.subscription, table.c.partition, table.c.log_offset)
        kept = {tuple(row) for row in await connection.execute(query)}
        expected = {
            (target.subscription, partition, offset)
            for target in self._targets
            for partition, end in places.get(target.subscription, {}).items()
            for offset in self._book.letters(target.log, partition, end, target.reads)
        }
        assert kept == expected, f"dead letters: {_differing(kept, expected)}"

    async def logged(self) -> list[Logged]:
        """All logs in the order of each stream, without what the suite has spoiled."""
        for log in LOGS:
            await self._book.extend(log)
        return [
            Logged(
                as_recorded(stored),
                stored.recorded_at,
            )
            for events in self._book.stored.values()
            for stored in events
            if POISON not in stored.stream
        ]

    async def compare_signals(self, seconds: float) -> list[Logged]:
        """What is due for longer than the watch may take is raised, what is raised was due, and
        none was raised for want of what was recorded before it was due; the logs that say so."""
        ends = monotonic() + seconds
        while True:
            before = _now()
            logged = await self.logged()
            events = [each.event for each in logged]
            shown = signals_of(events)
            must, may = stalled(events, before - LAG), stalled(events, _now())
            if must <= shown <= may:
                compare_reasons(logged, self._judged)
                return logged
            if monotonic() > ends:
                wrong = sorted((must - shown) | (shown - may), key=str)
                asked = [await self._standing_of(each.opportunity_id) for each in wrong[:2]]
                raise AssertionError(f"missing {must - shown}, unfounded {shown - may}; {asked}")
            await asyncio.sleep(0.3)

    async def _standing_of(self, opportunity_id: str) -> list[object]:
        """What the watch goes by."""
        found: list[object] = []
        async with self._ports.read_store.reading() as connection:
            for table in (PROCESSES.deadlines, PROCESSES.rows):
                query = select(table).where(table.c.key == opportunity_id)
                found += [dict(row) for row in (await connection.execute(query)).mappings()]
        return found


async def _places(connection: AsyncConnection) -> Places:
    table = CHECKPOINTS
    query = select(table.c.subscription, table.c.partition, table.c.next_offset)
    found: dict[str, dict[int, int]] = {}
    for subscription, partition, next_offset in await connection.execute(query):
        found.setdefault(subscription, {})[partition] = next_offset
    return found


async def _compare_rows(connection: AsyncConnection, folded: FoldedRows) -> None:
    model = folded.model
    kept: dict[Key, Mapping[str, Any]] = {}
    for row in (await connection.execute(select(model.rows))).mappings():
        fields = dict(row)
        key = (fields.pop("tenant_id"), fields.pop("key"))
        kept[key] = fields | {"body": model.decode(fields["body"])}
    expected = folded.rows()
    assert kept == expected, f"rows of {model.name}: {_differing(kept, expected)}"


async def _compare_points(connection: AsyncConnection, folded: FoldedRows) -> None:
    figures = folded.model.contents[-1]
    kept = {
        (row["tenant_id"], *(row[name] for name in Point._fields)): row["amount"]
        for row in (await connection.execute(figures.rows)).mappings()
    }
    expected = {
        (tenant_id, *point._replace(at=milliseconds(point.at))): amount  # type: ignore[arg-type]
        for (tenant_id, point), amount in folded.points().items()
    }
    assert kept == expected, f"figures of {folded.model.name}: {_differing(kept, expected)}"


async def _compare_entries(connection: AsyncConnection, folded: FoldedJournal) -> None:
    table = folded.model.table
    keys = [column.name for column in table.primary_key]
    kept = {
        tuple(row[name] for name in keys): dict(row)
        for row in (await connection.execute(select(table))).mappings()
    }
    expected = {key: dict(entry) for key, entry in folded.entries().items()}
    assert kept == expected, f"entries of {folded.model.name}: {_differing(kept, expected)}"


def _differing(kept: Any, expected: Any) -> str:
    """The first few that are there and must not be, are missing, or are otherwise."""
    if isinstance(kept, set):
        return f"too many {sorted(kept - expected)[:3]}, missing {sorted(expected - kept)[:3]}"
    wrong = [key for key in kept.keys() | expected.keys() if kept.get(key) != expected.get(key)]
    told = [f"{key}: {kept.get(key)} instead of {expected.get(key)}" for key in sorted(wrong)[:2]]
    return f"{len(wrong)} differ, " + "; ".join(told)


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def signals_of(events: Sequence[Recorded]) -> set[Stalled]:
    """The signals `stalled` as their own log has them, without those that are retracted."""
    found: dict[str, Stalled] = {}
    raised: dict[str, Stalled] = {}
    for event in events:
        signal_id = event.data.get("signal_id", "")
        if event.name == "signal_raised" and event.data["rule"] == "stalled":
            data = event.data
            found[signal_id] = raised[signal_id] = Stalled(
                data["subject_id"],
                moment(data["due_at"]),
                data["stage"],
                data["owner_id"],
                data["unit_id"],
                "open",
            )
        elif event.name == "signal_resolved" and signal_id in raised:
            found[signal_id] = raised[signal_id]._replace(state="resolved")
        elif event.name == "signal_retracted":
            found.pop(signal_id, None)
    assert len(set(found.values())) == len(found), "a silence has two signals"
    return set(found.values())


def compare_reasons(logged: Sequence[Logged], judged: set[str]) -> None:
    """Lag delays signals and never invents them: when one is raised, whatever was recorded before
    `raised_at` has been applied, and perhaps some of what came later. `judged` are passed over,
    and grow by those that are judged now."""
    of_one: dict[str, list[Logged]] = {}
    for each in logged:
        if "/opportunity/" in each.event.stream:
            of_one.setdefault(each.event.data["opportunity_id"], []).append(each)
    for each in logged:
        data = each.event.data
        if each.event.name != "signal_raised" or each.event.event_id in judged:
            continue
        judged.add(each.event.event_id)
        if data["rule"] == "stalled" and not data["historical"]:
            known = of_one[data["subject_id"]]
            surely = sum(one.recorded_at < moment(data["raised_at"]) for one in known)
            at_most = sum(one.recorded_at <= each.recorded_at for one in known)
            assert any(
                _is_silent([one.event for one in known[:number]], moment(data["due_at"]))
                for number in range(max(1, surely), at_most + 1)
            ), f"raised though it was known not to be due: {data['subject_id']} {data['due_at']}"


def _is_silent(events: Sequence[Recorded], due: datetime) -> bool:
    [deal] = deals(events)
    return any(
        due_at == due and (end is None or end > due) for due_at, _stage, end in deal.silences()
    )
