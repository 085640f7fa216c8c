"""Signals raised and boards shown where a million opportunities are open, on PostgreSQL.

    python -m benchmarks.scaled_watch

The product's watch and subscriptions in one process, which follows the logs in PostgreSQL. Its
clock stands still while the opportunities are put in, and then goes as any other. The signals are
compared with what was put in, each once, before any figure is given, and so are the pages of the
silence board; the index's figures are compared by tests/oracle, not here.
BENCH_SCALE=0.1 takes a tenth of everything.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import httpx
from pydantic import SecretStr

from benchmarks.figure import Figure, table, under
from benchmarks.scaled.servers import Servers, servers
from benchmarks.scaled.size import scaled
from benchmarks.silence_board import LIMIT_HOURS, REPS, TEAMS, TENANT, Made, ask, opened, people
from benchmarks.silence_board import compare as compare_silence
from services.cli.desk import furnish
from services.cli.keys import AskedKey, new_api_key
from services.embedded import LOGS
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.scaled import open_alone
from shared.adapters.migrations import migrate_event_stores, migrate_key_store, migrate_read_store
from shared.command_handling import CommandContext
from shared.events.signals import SignalRaised
from shared.hosting import Hosting, application
from shared.settings import ScaledSettings

OPPORTUNITIES = 1_000_000
ONE_BY_ONE = 1_000
"""Due one after the other, a hundredth of a second apart."""
TOGETHER = 30_000
"""Due in one second."""

_BEGUN = datetime(2026, 3, 2, 1, tzinfo=UTC)
_LIMIT = timedelta(hours=LIMIT_HOURS)
_FIRST_DUE = _BEGUN + timedelta(seconds=10)
_TOGETHER_DUE = _BEGUN + timedelta(seconds=30)
_OTHERS_DUE = _BEGUN + timedelta(hours=1)
_A_COMMIT = 2_000
_PARTITIONS = 4
_PATIENCE_SECONDS = 300
_LOG = "projections"


class HeldClock:
    """Stands still until it is let go."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._let_go: float | None = None

    def let_go(self) -> None:
        self._let_go = monotonic()

    def __call__(self) -> datetime:
        if self._let_go is None:
            return self._start
        return self._start + timedelta(milliseconds=int((monotonic() - self._let_go) * 1000))


def measure() -> Iterator[Figure]:
    """Raises AssertionError where signals or boards are not what was put in."""
    with (
        tempfile.TemporaryDirectory(prefix="pulsetrail-watch-") as folder,
        servers(with_kafka=False) as running,
    ):
        yield from asyncio.run(_measure(running, Path(folder)))


async def _measure(running: Servers, folder: Path) -> list[Figure]:
    url = running.url(await running.database())
    await migrate_event_stores(url, LOGS, _PARTITIONS)
    await migrate_key_store(url)
    await migrate_read_store(url)
    settings = ScaledSettings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers="unused",
        log_partitions=_PARTITIONS,
        object_store_url=(folder / "objects").as_uri(),
    )
    clock = HeldClock(_BEGUN)
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(open_alone(settings, clock=clock))
        made = await _put_in(alone.hosting)
        due = [each for each in made if each.opened_at + _LIMIT < _OTHERS_DUE]
        clock.let_go()
        alone.hosting.start()
        raised = await _raised(alone.hosting, len(due))
        assert sorted(raised) == sorted(each.opportunity_id for each in due)
        return [*_signal_figures(due, raised, len(made)), *await _boards(alone.hosting, made)]


async def _put_in(hosting: Hosting) -> list[Made]:
    await furnish(hosting.ports)
    await people(hosting, _BEGUN)
    one_by_one, together = scaled(ONE_BY_ONE), scaled(TOGETHER)
    made = [
        Made(
            _due(number, one_by_one, together) - _LIMIT,
            f"O-{number:07}",
            f"team-{number % REPS % TEAMS}",
            f"rep-{number % REPS}",
        )
        for number in range(scaled(OPPORTUNITIES))
    ]
    handling = hosting.ports.commands("opportunities")
    for start in range(0, len(made), _A_COMMIT):
        runs = [opened(each) for each in made[start : start + _A_COMMIT]]
        await handling.handle_runs(OPPORTUNITY, runs)
        handling.forget_states()
    await hosting.catch_up()
    return made


def _due(number: int, one_by_one: int, together: int) -> datetime:
    if number < one_by_one:
        return _FIRST_DUE + timedelta(milliseconds=10 * number)
    if number < one_by_one + together:
        return _TOGETHER_DUE
    return _OTHERS_DUE + timedelta(milliseconds=100 * number)


async def _raised(hosting: Hosting, wanted: int) -> dict[str, datetime]:
    """When it was recorded that each was silent for too long."""
    ports = hosting.ports
    found: dict[str, datetime] = {}
    at = dict.fromkeys(range(_PARTITIONS), 0)
    ends = monotonic() + _PATIENCE_SECONDS
    while len(found) < wanted:
        assert monotonic() < ends, f"{len(found)} of {wanted} signals; {dict(hosting.stopped)}"
        await asyncio.sleep(0.5)
        for partition, start in at.items():
            events = await ports.event_store.read_log(_LOG, partition, start, 50_000)
            at[partition] = start + len(events)
            for stored in events:
                event = ports.codec.decode(stored).event
                if isinstance(event, SignalRaised) and event.rule == "stalled":
                    assert event.subject_id not in found, f"{event.subject_id} twice"
                    found[event.subject_id] = stored.recorded_at
    return found


def _signal_figures(
    due: Sequence[Made], raised: dict[str, datetime], opportunities: int
) -> Iterator[Figure]:
    late: dict[bool, list[float]] = {False: [], True: []}
    for each in due:
        moment = each.opened_at + _LIMIT
        seconds = (raised[each.opportunity_id] - moment).total_seconds()
        late[moment == _TOGETHER_DUE].append(seconds)
    what = f"{opportunities:,} open"
    p99 = sorted(late[False])[int(len(late[False]) * 0.99)]
    yield under(f"{what}: signals raised after they were due, p99", p99, "s", 2)
    name = f"{what}: {len(late[True]):,} due in one second, worked off"
    yield under(name, max(late[True]), "s", 10)


async def _boards(hosting: Hosting, made: list[Made]) -> list[Figure]:
    await hosting.settle()
    context = CommandContext(
        tenant_id=TENANT, actor_id=None, occurred_at=_BEGUN, correlation_id="benchmark"
    )
    _key_id, key = await new_api_key(hosting.ports, context, AskedKey("director"))
    figures = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=application(hosting)),
        base_url="http://benchmark/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    ) as http:
        await compare_silence(http, made)
        for board in ("silence", "process-health"):
            milliseconds = await ask(http, board)
            p50, p99 = (milliseconds[int(len(milliseconds) * share)] for share in (0.50, 0.99))
            name = f"{board} board, {len(made):,} open, in process"
            figures += [
                Figure(name=f"{name}: p50", value=p50, unit="ms"),
                under(f"{name}: p99", p99, "ms", 50),
            ]
    return figures


if __name__ == "__main__":
    print(table(measure()))
