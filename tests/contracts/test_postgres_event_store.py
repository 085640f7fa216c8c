"""What only a server can suffer: others who write too, a crash, a lost reply, a cut connection."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.adapters.migrations import migrate_event_stores
from shared.adapters.postgres_connecting import connect
from shared.adapters.postgres_event_store import PostgresEventStore, open_postgres_event_store
from shared.adapters.postgres_event_store_news import CommitNews
from shared.adapters.postgres_event_store_pool import ReadingPool
from shared.adapters.postgres_event_store_queue import StillUnknown
from shared.adapters.postgres_schemas import PartitionsAreFixed, SchemaOfAnotherVersion
from shared.clock import Clock
from shared.errors import StoreAway
from shared.event_store import Append, EventStore, UnreadableEvent, Verdict
from stack.postgres_server import PostgresServer
from tests.contracts.event_stores import (
    LOGS,
    NOW,
    SettableClock,
    a_command,
    an_append,
    an_event,
    event_id,
    open_sqlite,
)

pytestmark = pytest.mark.postgres

STREAM = "acme/opportunity/O1"
OTHER = "acme/opportunity/O2"

Open = Callable[..., Awaitable[PostgresEventStore]]


@pytest.fixture
async def open_store(database_with_partitions: str) -> AsyncIterator[Open]:
    """One more store on the test's database, as another process would have it."""
    opened = []

    async def open_it(clock: Clock = lambda: NOW, **options: Any) -> PostgresEventStore:
        store = await open_postgres_event_store(
            database_with_partitions, LOGS, clock, options.pop("partitions", 16), **options
        )
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


async def numbers_of(store: EventStore) -> list[int]:
    """All event numbers of the log, its offsets checked to be contiguous."""
    found = []
    for partition in range(store.partitions):
        events = await store.read_log("opportunities", partition, 0, 100_000, as_stored=True)
        assert [event.offset for event in events] == list(range(len(events)))
        assert await store.head("opportunities", partition) == len(events)
        found += [event.event_id.int for event in events]
    return found


async def execute(address: str, statement: str) -> Any:
    connection = await asyncpg.connect(address)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


@pytest.fixture
def failed_commits() -> Iterator[list[Any]]:
    """What was logged of commits that had to be repeated, as after a deadlock."""
    with capture_logs() as logged:
        yield logged


# -------------------------------------------------------------------------------- others write too


async def test_of_two_processes_that_decided_on_the_same_version_one_meets_a_conflict(
    open_store: Open,
) -> None:
    ours, theirs = await open_store(), await open_store()
    for version in range(20):
        outcomes = await asyncio.gather(
            ours.append([an_append(STREAM, version, 1_000 + version)]),
            theirs.append([an_append(STREAM, version, 2_000 + version)]),
        )
        verdicts = sorted(outcome.verdict for [outcome] in outcomes)
        assert verdicts == [Verdict.CONFLICT, Verdict.DONE]
    assert len(await numbers_of(ours)) == 20


async def test_processes_that_append_to_the_same_streams_leave_no_gap_and_no_deadlock(
    open_store: Open, failed_commits: list[Any]
) -> None:
    """Each call covers many streams, and so partitions, in another order."""
    stores = [await open_store(), await open_store(), await open_store()]
    streams = [f"acme/opportunity/O{n}" for n in range(40)]
    done: list[int] = []

    async def write(store: PostgresEventStore, first: int, step: int) -> None:
        for turn in range(15):
            versions = {
                name: len(found) for name, found in (await store.read_streams(streams)).items()
            }
            numbers = range(first + 100 * turn, first + 100 * turn + len(streams))
            order = [streams[(step * n) % len(streams)] for n in range(len(streams))]
            appends = [
                an_append(name, versions[name], number)
                for name, number in zip(order, numbers, strict=True)
            ]
            outcomes = await store.append(appends)
            done.extend(
                number
                for number, outcome in zip(numbers, outcomes, strict=True)
                if outcome.verdict is Verdict.DONE
            )

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(
                write(store, 10_000 * n, step)
                for n, (store, step) in enumerate(zip(stores, (1, 7, 39), strict=True))
            )
        )
    assert sorted(await numbers_of(stores[0])) == sorted(done)
    for found in (await stores[0].read_streams(streams)).values():
        assert [event.version for event in found] == list(range(1, len(found) + 1))
    assert failed_commits == []


async def test_single_appends_of_two_processes_are_all_stored_once(
    open_store: Open, failed_commits: list[Any]
) -> None:
    ours, theirs = await open_store(), await open_store()

    async def write(store: PostgresEventStore, number: int) -> Verdict:
        [outcome] = await store.append([an_append(f"acme/opportunity/O{number}", 0, number)])
        return outcome.verdict

    verdicts: list[Verdict] = []
    for start in range(0, 400, 40):  # what comes first differs, and so what each waits for
        numbers = range(start, start + 40)
        upwards = (write(ours, number) for number in numbers if number % 2)
        downwards = (write(theirs, number) for number in reversed(numbers) if not number % 2)
        verdicts += await asyncio.gather(*upwards, *downwards)
    assert set(verdicts) == {Verdict.DONE}
    assert sorted(await numbers_of(ours)) == list(range(400))
    assert failed_commits == []


async def test_a_command_that_two_processes_repeat_on_different_streams_counts_once(
    open_store: Open,
) -> None:
    stores = [await open_store(), await open_store()]
    for turn in range(10):
        command = a_command(f"p1:k{turn}")
        outcomes = await asyncio.gather(
            *(
                store.append(
                    [an_append(f"acme/opportunity/S{n}T{turn}", 0, 10 * turn + n, command=command)]
                )
                for n, store in enumerate(stores)
            )
        )
        verdicts = sorted(outcome.verdict for [outcome] in outcomes)
        assert verdicts == [Verdict.DONE, Verdict.DUPLICATE]


async def test_a_process_is_woken_by_the_commit_of_another(open_store: Open) -> None:
    ours, theirs = await open_store(poll_seconds=60), await open_store(poll_seconds=60)
    await asyncio.sleep(0.3)  # it listens by now
    generation = theirs.generation
    waiting = asyncio.create_task(theirs.wait_beyond(generation, 30))
    await ours.append([an_append(STREAM, 0, 1)])
    await asyncio.wait_for(waiting, 5)
    assert theirs.generation > generation


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_process_learns_which_log_another_has_committed_to(
    open_store: Open, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    if not is_told:
        monkeypatch.setattr(CommitNews, "_tell", say_nothing)
    theirs = await open_store(poll_seconds=60 if is_told else 0.2)
    ours = await open_store(poll_seconds=60)
    await asyncio.sleep(0.3)  # it listens by now
    for number, log in enumerate(("opportunities", "leads", "leads")):
        generation, of_log = theirs.generation, {each: theirs.generation_of(each) for each in LOGS}
        await ours.append([an_append(f"acme/thing/{number}", 0, number, log=log)])
        await asyncio.wait_for(theirs.wait_beyond(generation, 30), 5)
        grown = [each for each in LOGS if theirs.generation_of(each) > of_log[each]]
        assert grown == [log]


async def test_readers_are_woken_although_the_listening_connection_was_cut(
    open_store: Open, database_with_partitions: str
) -> None:
    reader = await open_store(poll_seconds=0.2)
    writer = await open_store(poll_seconds=60)
    await asyncio.sleep(0.3)
    for number in range(1, 4):
        generation = reader.generation
        while not await execute(  # noqa: ASYNC110  # others make it true
            database_with_partitions,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND query ~ 'LISTEN|pg_notify|next_offset'"
            " AND datname = current_database() AND state = 'idle'",
        ):
            await asyncio.sleep(0.05)  # they are only connecting again
        await writer.append([an_append(STREAM, number - 1, number)])
        await asyncio.wait_for(reader.wait_beyond(generation, 30), 5)
        assert reader.generation > generation


async def test_readers_are_woken_although_every_notification_is_lost(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CommitNews, "_tell", say_nothing)
    reader = await open_store(poll_seconds=0.2)
    writer = await open_store(poll_seconds=60)
    generation = reader.generation
    await writer.append([an_append(STREAM, 0, 1)])
    await asyncio.wait_for(reader.wait_beyond(generation, 30), 5)
    assert reader.generation > generation


# -------------------------------------------------------------------------------- lost and found


async def say_nothing(news: CommitNews, _connection: Any) -> None:
    news._to_tell.clear()


class LosesReplies:
    """A connection whose COMMIT is carried out, or not, and whose reply never comes."""

    def __init__(self, real: Any, *, carried_out: bool) -> None:
        self._real = real
        self._carried_out = carried_out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def execute(self, query: str, *arguments: Any) -> Any:
        if query != "COMMIT":
            return await self._real.execute(query, *arguments)
        await self._real.execute("COMMIT" if self._carried_out else "ROLLBACK")
        self._real.terminate()
        raise ConnectionResetError("the reply was lost")


@pytest.fixture
def lose_replies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """For each entry the next new connection of a writer loses its reply to COMMIT; True: after
    it was carried out."""
    losing: list[bool] = []

    async def connecting(url: str) -> Any:
        real = await connect(url)
        return LosesReplies(real, carried_out=losing.pop(0)) if losing else real

    monkeypatch.setattr("shared.adapters.postgres_event_store_writer.connect", connecting)
    yield losing
    assert losing == []


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("command", [None, a_command()])
async def test_a_commit_whose_reply_is_lost_is_answered_as_it_is(
    open_store: Open, lose_replies: list[bool], *, carried_out: bool, command: Any
) -> None:
    store = await open_store(writers=1)
    lose_replies.append(carried_out)
    [outcome] = await store.append([an_append(STREAM, 0, 1, 2, command=command)])
    assert (outcome.verdict, outcome.version) == (Verdict.DONE, 2)
    assert [event.event_id.int for event in await store.read_stream(STREAM)] == [1, 2]
    assert sorted(await numbers_of(store)) == [1, 2]
    [further] = await store.append([an_append(STREAM, 2, 3)])
    assert further.verdict is Verdict.DONE


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_command_without_events_survives_a_lost_reply_too(
    open_store: Open, lose_replies: list[bool], *, carried_out: bool
) -> None:
    store = await open_store(writers=1)
    lose_replies.append(carried_out)
    [outcome] = await store.append([Append("opportunities", STREAM, 0, [], a_command())])
    [again] = await store.append([Append("opportunities", STREAM, 0, [], a_command())])
    assert (outcome.verdict, again.verdict) == (Verdict.DONE, Verdict.DUPLICATE)


async def test_replies_lost_twice_are_told_as_a_store_that_is_away(
    open_store: Open, lose_replies: list[bool]
) -> None:
    store = await open_store(writers=1)
    lose_replies.extend([False, False, False])
    with pytest.raises(StoreAway):
        await store.append([an_append(STREAM, 0, 1)])
    lose_replies.clear()
    [outcome] = await store.append([an_append(STREAM, 0, 1)])
    assert outcome.verdict is Verdict.DONE


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_commit_that_cannot_be_asked_about_is_not_repeated(
    own_server: PostgresServer,
    lose_replies: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    *,
    carried_out: bool,
) -> None:
    """Without a command id only a store that says nothing keeps the caller from deciding twice."""
    monkeypatch.setattr(
        "shared.adapters.postgres_event_store_queue._ASK_AFTER_SECONDS", (0.0, 0.05)
    )
    await migrate_event_stores(own_server.url(), LOGS, 4)
    store = await open_postgres_event_store(own_server.url(), LOGS, lambda: NOW, 4, writers=1)

    class LosesServerToo(LosesReplies):
        async def execute(self, query: str, *arguments: Any) -> Any:
            try:
                return await super().execute(query, *arguments)
            except ConnectionResetError:
                own_server.kill()
                raise

    monkeypatch.setattr(f"{__name__}.LosesReplies", LosesServerToo)
    lose_replies.append(carried_out)
    with pytest.raises(StillUnknown):
        await store.append([an_append(STREAM, 0, 1)])
    own_server.start()
    [outcome] = await store.append([an_append(STREAM, 0, 2)])
    assert outcome.verdict is (Verdict.CONFLICT if carried_out else Verdict.DONE)
    assert len(await store.read_stream(STREAM)) == 1
    await store.close()


async def test_connections_cut_in_between_cost_nobody_an_answer(
    open_store: Open, database_with_partitions: str
) -> None:
    store = await open_store()
    for number in range(10):
        await execute(
            database_with_partitions,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()",
        )
        [outcome] = await store.append([an_append(STREAM, number, number)])
        assert outcome.verdict is Verdict.DONE
        assert len(await store.read_stream(STREAM)) == number + 1


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = PostgresServer(durable=True)
    server.start()
    yield server
    server.close()


async def test_nothing_that_was_answered_is_lost_when_the_server_is_killed(
    own_server: PostgresServer,
) -> None:
    await migrate_event_stores(own_server.url(), LOGS, 4)
    store = await open_postgres_event_store(own_server.url(), LOGS, lambda: NOW, 4)
    done: set[int] = set()
    away = 0
    stopping = False

    async def post(client: int) -> None:
        nonlocal away
        version, stream = 0, f"acme/opportunity/O{client}"
        while not stopping:
            number = client * 100_000 + version
            command = a_command(f"p1:{number}")
            try:
                [outcome] = await store.append(
                    [an_append(stream, version, number, command=command)]
                )
            except StoreAway:
                away += 1
                await asyncio.sleep(0.02)
                continue  # with the same key, as a client does
            assert outcome.verdict in (Verdict.DONE, Verdict.DUPLICATE)
            done.add(number)
            version += 1

    clients = [asyncio.create_task(post(client)) for client in range(1, 9)]
    for _ in range(3):
        await asyncio.sleep(0.4)
        await asyncio.to_thread(own_server.kill)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(own_server.start)
    before = len(done)
    await asyncio.sleep(0.4)
    stopping = True
    await asyncio.gather(*clients)
    assert away
    assert len(done) > before, "it is at work again"
    assert set(await numbers_of(store)) == done
    await store.close()


async def test_a_server_that_comes_late_is_waited_for(own_server: PostgresServer) -> None:
    await migrate_event_stores(own_server.url(), LOGS, 4)
    own_server.stop()
    store = await open_postgres_event_store(own_server.url(), LOGS, lambda: NOW, 4)
    with pytest.raises(StoreAway, match="cannot be read"):
        await store.read_stream(STREAM)
    with pytest.raises(StoreAway):
        await store.check()
    own_server.start()
    await store.check()
    [outcome] = await store.append([an_append(STREAM, 0, 1)])
    assert outcome.verdict is Verdict.DONE
    await store.close()


# -------------------------------------------------------------------------------- its own promises


async def test_another_number_of_partitions_is_refused(open_store: Open) -> None:
    with pytest.raises(PartitionsAreFixed, match="made with 16 partitions, configured are 8"):
        await open_store(partitions=8)


async def test_a_database_that_was_not_migrated_says_so_and_works_once_it_is(
    database: str,
) -> None:
    store = await open_postgres_event_store(database, LOGS, lambda: NOW, 2)
    with pytest.raises(SchemaOfAnotherVersion, match=r"missing.*run `pulsetrail migrate`"):
        await store.check()
    with pytest.raises(StoreAway):
        await store.append([an_append(STREAM, 0, 1)])
    await migrate_event_stores(database, LOGS, partitions=2)
    await store.check()
    [outcome] = await store.append([an_append(STREAM, 0, 1)])
    assert outcome.verdict is Verdict.DONE
    await store.close()


async def test_a_schema_that_is_too_new_is_told_and_one_that_only_grew_is_not(
    open_store: Open, database_with_partitions: str
) -> None:
    store = await open_store()
    await execute(database_with_partitions, "UPDATE leads.alembic_version SET version_num = '0007'")
    await store.check()
    await execute(database_with_partitions, "UPDATE leads.compatibility SET works_from = 5")
    with pytest.raises(SchemaOfAnotherVersion, match="version 0007, this program is for version 1"):
        await store.check()


async def test_what_is_recorded_later_is_not_recorded_before_a_tick(open_store: Open) -> None:
    clock = SettableClock()
    store, other = await open_store(clock), await open_store(lambda: NOW)
    [outcome] = await store.append([an_append(STREAM, 0, 1)])
    assert outcome.position is not None
    partition = outcome.position.partition
    clock.move(minutes=5)
    until = await store.recorded_until("opportunities", partition)
    assert until == clock.now
    await other.append([an_append(STREAM, 1, 2)])
    assert (await other.read_stream(STREAM))[1].recorded_at == until
    clock.move(minutes=-3)
    assert await store.recorded_until("opportunities", partition) == until


async def test_the_same_events_have_the_same_hashes_as_in_the_embedded_store(
    open_store: Open, tmp_path: Path
) -> None:
    store = await open_store()
    embedded = await open_sqlite(tmp_path, lambda: NOW)
    for target in (store, embedded):
        await target.append([an_append(STREAM, 0, 1, 2)])
        await target.append([an_append(STREAM, 2, 3)])
    ours = await store.read_stream(STREAM)
    assert [each.hash for each in ours] == [
        each.hash for each in await embedded.read_stream(STREAM)
    ]
    await embedded.close()


@pytest.mark.parametrize("events", [1, 31, 32, 500])
async def test_small_and_large_commits_store_the_same(open_store: Open, events: int) -> None:
    store = await open_store()
    awkward = an_event(
        0, payload=bytes(range(256)), command_id="中\N{GRINNING FACE}", actor_id=None
    )
    others = [an_event(number) for number in range(1, events)]
    command = a_command()
    [outcome] = await store.append(
        [Append("opportunities", STREAM, 0, [awkward, *others], command)]
    )
    assert outcome.version == events
    stored = await store.read_stream(STREAM)
    assert stored[0].payload == bytes(range(256))
    assert (stored[0].command_id, stored[0].actor_id) == ("中\N{GRINNING FACE}", None)
    assert [event.event_id for event in stored] == [event_id(number) for number in range(events)]
    assert all(type(event.event_id) is uuid.UUID for event in stored)
    assert await store.find_command("acme", "p1:k1") == (
        b"d1",
        outcome._replace(verdict=Verdict.DUPLICATE),
    )


async def test_a_row_that_is_no_event_any_more_is_said_to_be_unreadable(
    open_store: Open, database_with_partitions: str
) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1)])
    await execute(
        database_with_partitions,
        "UPDATE opportunities.events SET occurred_at = 9223372036854775807",
    )
    with pytest.raises(UnreadableEvent):
        await store.read_stream(STREAM)


@pytest.mark.parametrize("is_told_by_server", [True, False])
async def test_an_unreadable_row_is_told_to_who_reads_its_stream_only(
    open_store: Open,
    database_with_partitions: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_told_by_server: bool,
) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1), an_append(OTHER, 0, 2)])
    if is_told_by_server:
        fetch = ReadingPool.fetch

        async def damaged(pool: ReadingPool, query: str, *arguments: Any) -> Any:
            if STREAM in arguments[0]:
                raise UnreadableEvent("a page of it is gone")
            return await fetch(pool, query, *arguments)

        monkeypatch.setattr(ReadingPool, "fetch", damaged)
    else:
        await execute(
            database_with_partitions,
            "UPDATE opportunities.events SET occurred_at = 9223372036854775807"
            f" WHERE stream = '{STREAM}'",
        )
    damage, others = await asyncio.gather(
        store.read_stream(STREAM), store.read_stream(OTHER), return_exceptions=True
    )
    assert isinstance(damage, UnreadableEvent)
    assert isinstance(others, list)
    assert [event.event_id.int for event in others] == [2]


async def test_a_bug_of_one_caller_is_told_to_that_caller_only(open_store: Open) -> None:
    store = await open_store()
    unstorable = an_event(1, correlation_id="a\x00b")
    wrong, unknown, right = await asyncio.gather(
        store.append([Append("opportunities", STREAM, 0, [unstorable])]),
        store.append([an_append(STREAM, 0, 3, log="weather")]),
        store.append([an_append(STREAM, 0, 2)]),
        return_exceptions=True,
    )
    for each in (wrong, unknown):
        assert isinstance(each, Exception)
        assert not isinstance(each, StoreAway)
    assert not isinstance(right, BaseException)
    assert right[0].verdict is Verdict.DONE
