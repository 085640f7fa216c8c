"""What every event store promises (shared/event_store.py); one suite, run on every adapter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.clock import Clock
from shared.envelope import EncodedEvent, Envelope
from shared.event_store import Append, EventStore, Verdict
from shared.integrity import NO_HASH, event_hash
from tests.contracts.event_stores import (
    COMMAND_IDS_ACROSS_STREAMS,
    EMPTY_COMMANDS_REMEMBERED,
    MANY_STREAMS_IN_ONE_COMMIT,
    NOW,
    Adapter,
    OpenStore,
    SettableClock,
    a_command,
    an_append,
    an_event,
    event_id,
    params,
)

STREAM = "acme/opportunity/O1"
OTHER = "acme/opportunity/O2"


@pytest.fixture(params=params())
def adapter(request: pytest.FixtureRequest) -> Adapter:
    found = request.param
    assert isinstance(found, Adapter)
    return found


@pytest.fixture
def place(adapter: Adapter, request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(adapter.place)


@pytest.fixture
async def open_store(adapter: Adapter, place: Any) -> AsyncIterator[OpenStore]:
    opened: list[EventStore] = []

    async def open_it(clock: Clock = lambda: NOW) -> EventStore:
        opened.append(await adapter.open(place, clock))
        return opened[-1]

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> EventStore:
    return await open_store()


async def partitions_of(store: EventStore, log: str = "opportunities") -> list[list[int]]:
    """The event numbers of each partition in order, its offsets checked to be contiguous."""
    found = []
    for partition in range(store.partitions):
        events = await store.read_log(log, partition, 0, 10_000)
        assert {event.partition for event in events} <= {partition}
        assert [event.offset for event in events] == list(range(await store.head(log, partition)))
        found.append([event.event_id.int for event in events])
    return found


async def whole_log(store: EventStore, log: str = "opportunities") -> list[int]:
    """The event numbers of a log, one partition after the other."""
    return [number for numbers in await partitions_of(store, log) for number in numbers]


async def in_call_order(store: EventStore, log: str = "opportunities") -> list[int]:
    """The event numbers of a log, each partition checked to be in the order of the numbers."""
    numbers = await partitions_of(store, log)
    for each in numbers:
        assert each == sorted(each)
    return sorted(number for each in numbers for number in each)


# -------------------------------------------------------------------------------- versions


async def test_a_store_that_can_work_says_so(store: EventStore) -> None:
    await store.check()


async def test_events_are_appended_to_the_version_they_were_decided_on(store: EventStore) -> None:
    [opened] = await store.append([an_append(STREAM, 0, 1, 2)])
    [logged] = await store.append([an_append(STREAM, 2, 3)])
    assert (opened.verdict, opened.version) == (Verdict.DONE, 2)
    assert opened.event_ids == (event_id(1), event_id(2))
    assert (logged.verdict, logged.version) == (Verdict.DONE, 3)
    assert [event.version for event in await store.read_stream(STREAM)] == [1, 2, 3]


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_another_expected_version_is_a_conflict_that_names_the_version(
    store: EventStore, expected: int
) -> None:
    await store.append([an_append(STREAM, 0, 1, 2)])
    [outcome] = await store.append([an_append(STREAM, expected, 3)])
    assert (outcome.verdict, outcome.version) == (Verdict.CONFLICT, 2)
    assert outcome.position is None
    assert len(await store.read_stream(STREAM)) == 2


async def test_a_conflict_costs_only_itself(store: EventStore) -> None:
    outcomes = await store.append(
        [an_append(STREAM, 0, 1), an_append(OTHER, 7, 2), an_append(STREAM, 1, 3)]
    )
    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.DONE, Verdict.CONFLICT, Verdict.DONE]
    assert await whole_log(store) == [1, 3]


async def test_of_two_who_decided_on_the_same_version_the_first_wins(store: EventStore) -> None:
    first, second = await asyncio.gather(
        store.append([an_append(STREAM, 0, 1)]), store.append([an_append(STREAM, 0, 2)])
    )
    assert [first[0].verdict, second[0].verdict] == [Verdict.DONE, Verdict.CONFLICT]
    assert [event.event_id for event in await store.read_stream(STREAM)] == [event_id(1)]


@pytest.mark.parametrize("adapter", params(MANY_STREAMS_IN_ONE_COMMIT))
async def test_many_streams_are_appended_by_one_call_in_its_order(store: EventStore) -> None:
    generation = store.generation
    appends = [an_append(f"acme/opportunity/O{n}", 0, n) for n in range(1, 201)]
    outcomes = await store.append(appends)
    assert {outcome.verdict for outcome in outcomes} == {Verdict.DONE}
    assert await in_call_order(store) == list(range(1, 201))
    assert store.generation == generation + 1


# -------------------------------------------------------------------------------- the log


async def test_offsets_are_contiguous_in_commit_order_from_zero(store: EventStore) -> None:
    for number in range(1, 30):
        expected = 0 if number % 5 else 99
        await store.append([an_append(f"acme/opportunity/O{number}", expected, number)])
    assert await in_call_order(store) == [number for number in range(1, 30) if number % 5]


async def test_every_service_has_a_log_of_its_own(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, 2)])
    await store.append([an_append("acme/lead/L1", 0, 3, log="leads")])
    assert await whole_log(store) == [1, 2]
    assert await whole_log(store, "leads") == [3]
    assert await store.log_id("opportunities") != await store.log_id("leads")


async def test_positions_are_answered_and_read_back(store: EventStore) -> None:
    await store.append([an_append(OTHER, 0, 1)])
    [outcome] = await store.append([an_append(STREAM, 0, 2, 3)])
    last = (await store.read_stream(STREAM))[-1]
    assert outcome.position == last.position


async def test_a_log_is_read_in_pages_that_join_without_gap_or_repeat(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, *range(1, 26))])
    partition = (await store.read_stream(STREAM))[0].partition
    pages = []
    offset = 0
    while page := await store.read_log("opportunities", partition, offset, 10):
        pages.append(len(page))
        offset = page[-1].offset + 1
    assert pages == [10, 10, 5]
    assert await store.read_log("opportunities", partition, 25, 10) == []


async def test_an_unknown_log_is_named(store: EventStore) -> None:
    with pytest.raises(ValueError, match="weather"):
        await store.log_id("weather")
    with pytest.raises(ValueError, match="weather"):
        await store.head("weather", 0)


# -------------------------------------------------------------------------------- bytes and times


async def test_payload_and_envelope_come_back_exactly(store: EventStore) -> None:
    at = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    far = datetime(2999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    payload = b'{ "b":1,"a" : "\\u4e2d\xe4\xb8\xad" , "big":123456789012345678901234567890}\n'
    envelope = Envelope(
        tenant_id="acme",
        actor_id=None,
        occurred_at=at,
        origin="import",
        correlation_id="",
        causation_id="中文",
        command_id="p1:k\N{GRINNING FACE}",
        raw_occurred_at=far,
        sent_at=NOW,
        entered_at=None,
        trace_context="",
    )
    event = EncodedEvent(event_id(1), "test.happened.v7", 7, payload, envelope)
    await store.append([Append("opportunities", STREAM, 0, [event])])
    [stored] = await store.read_stream(STREAM)
    assert stored.payload == payload
    assert (stored.type, stored.schema_version) == ("test.happened.v7", 7)
    assert {name: getattr(stored, name) for name in Envelope._fields} == envelope._asdict()


async def test_hashes_chain_the_events_of_a_stream(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, 2), an_append(OTHER, 0, 3)])
    await store.append([an_append(STREAM, 2, 4)])
    for stream in (STREAM, OTHER):
        previous = NO_HASH
        for event in await store.read_stream(stream):
            assert event.hash == event_hash(previous, event)
            previous = event.hash


async def test_an_event_is_recorded_when_the_store_says(open_store: OpenStore) -> None:
    clock = SettableClock()
    store = await open_store(clock)
    await store.append([an_append(STREAM, 0, 1)])
    clock.move(hours=1)
    await store.append([an_append(STREAM, 1, 2)])
    recorded = [event.recorded_at for event in await store.read_stream(STREAM)]
    assert recorded == [NOW, NOW + timedelta(hours=1)]


async def test_recorded_times_never_decrease_even_when_the_clock_goes_back(
    open_store: OpenStore,
) -> None:
    clock = SettableClock()
    store = await open_store(clock)
    await store.append([an_append(STREAM, 0, 1)])
    clock.move(hours=-3)
    await store.append([an_append(STREAM, 1, 2)])
    await store.close()
    store = await open_store(clock)
    await store.append([an_append(STREAM, 2, 3)])
    clock.move(hours=4)
    await store.append([an_append(STREAM, 3, 4)])
    recorded = [event.recorded_at for event in await store.read_stream(STREAM)]
    assert recorded == [NOW, NOW, NOW, NOW + timedelta(hours=1)]


# -------------------------------------------------------------------------------- commands


async def test_a_repeated_command_is_answered_with_its_first_outcome(store: EventStore) -> None:
    [first] = await store.append([an_append(STREAM, 0, 1, 2, command=a_command())])
    [again] = await store.append([an_append(STREAM, 2, 3, command=a_command())])
    assert (first.verdict, first.answer) == (Verdict.DONE, b"the first answer")
    assert again == first._replace(verdict=Verdict.DUPLICATE)
    assert len(await store.read_stream(STREAM)) == 2


async def test_a_duplicate_is_recognised_before_its_version_is_looked_at(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, command=a_command())])
    [again] = await store.append([an_append(STREAM, 0, 1, command=a_command())])
    assert (again.verdict, again.version) == (Verdict.DUPLICATE, 1)


async def test_another_body_under_the_same_command_id_is_told(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, command=a_command())])
    [other] = await store.append([an_append(STREAM, 1, 2, command=a_command(digest=b"d2"))])
    assert other.verdict is Verdict.KEY_REUSED
    assert len(await store.read_stream(STREAM)) == 1


async def test_a_repeat_within_one_call_is_a_duplicate_too(store: EventStore) -> None:
    outcomes = await store.append(
        [
            an_append(STREAM, 0, 1, command=a_command()),
            an_append(STREAM, 1, 1, command=a_command()),
            an_append(STREAM, 1, 2, command=a_command(digest=b"d2")),
        ]
    )
    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.DONE, Verdict.DUPLICATE, Verdict.KEY_REUSED]


async def test_a_command_that_met_a_conflict_is_not_remembered(store: EventStore) -> None:
    await store.append([an_append(STREAM, 5, 1, command=a_command())])
    [outcome] = await store.append([an_append(STREAM, 0, 1, command=a_command())])
    assert outcome.verdict is Verdict.DONE


@pytest.mark.parametrize("adapter", params(COMMAND_IDS_ACROSS_STREAMS))
async def test_a_command_id_is_known_across_streams_within_its_tenant(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, command=a_command())])
    outcomes = await store.append(
        [
            an_append(OTHER, 0, 2, command=a_command()),
            an_append("zeta/opportunity/O1", 0, 3, command=a_command(tenant_id="zeta")),
        ]
    )
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DUPLICATE, Verdict.DONE]


@pytest.mark.parametrize("adapter", params(EMPTY_COMMANDS_REMEMBERED))
async def test_a_command_that_changed_nothing_is_remembered(open_store: OpenStore) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1)])
    [first] = await store.append([an_append(STREAM, 1, command=a_command())])
    await store.append([an_append(STREAM, 1, 2)])
    await store.close()
    store = await open_store()
    [again] = await store.append([an_append(STREAM, 1, command=a_command())])
    assert (first.verdict, first.version, first.position) == (Verdict.DONE, 1, None)
    assert again == first._replace(verdict=Verdict.DUPLICATE)
    assert await whole_log(store) == [1, 2]


@pytest.mark.parametrize("adapter", params(COMMAND_IDS_ACROSS_STREAMS))
async def test_a_remembered_command_can_be_looked_up(store: EventStore) -> None:
    [first] = await store.append([an_append(STREAM, 0, 1, 2, command=a_command())])
    found = await store.find_command("acme", "p1:k1")
    assert found == (b"d1", first._replace(verdict=Verdict.DUPLICATE))
    assert await store.find_command("acme", "p1:k2") is None
    assert await store.find_command("zeta", "p1:k1") is None


async def test_a_remembered_command_can_be_looked_up_in_its_stream(open_store: OpenStore) -> None:
    store = await open_store()
    [first] = await store.append([an_append(STREAM, 0, 1, 2, command=a_command())])
    await store.append([an_append(STREAM, 2, 3)])
    expected = (b"d1", first._replace(verdict=Verdict.DUPLICATE))
    assert await store.find_command("acme", "p1:k1", STREAM) == expected
    assert await store.find_command("acme", "p1:k2", STREAM) is None
    await store.close()
    store = await open_store()
    assert await store.find_command("acme", "p1:k1", STREAM) == expected


# -------------------------------------------------------------------------------- reading


async def test_a_stream_is_read_after_a_version(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, 1, 2, 3)])
    assert [event.version for event in await store.read_stream(STREAM, 1)] == [2, 3]
    assert await store.read_stream(STREAM, 3) == []
    assert await store.read_stream("acme/opportunity/none") == []


async def test_many_streams_are_read_at_once_the_unknown_ones_as_empty(store: EventStore) -> None:
    names = [f"acme/opportunity/O{n}" for n in range(1_100)]
    await store.append([an_append(name, 0, 2 * n, 2 * n + 1) for n, name in enumerate(names)])
    found = await store.read_streams([*names, "acme/opportunity/none"])
    assert list(found) == [*names, "acme/opportunity/none"]
    assert found["acme/opportunity/none"] == []
    for name in names[::97]:
        assert found[name] == await store.read_stream(name)
    assert {len(found[name]) for name in names} == {2}


async def test_events_are_found_by_their_ids(store: EventStore) -> None:
    await store.append([an_append(f"acme/opportunity/O{n}", 0, n) for n in range(1_100)])
    ids = [event_id(n) for n in range(1_200)]
    found = await store.find_events(ids)
    assert set(found) == set(ids[:1_100])
    for number in range(0, 1_100, 97):
        stored = found[event_id(number)]
        assert (stored.event_id, stored.stream) == (ids[number], f"acme/opportunity/O{number}")
    assert await store.find_events([]) == {}


async def test_it_says_which_of_many_event_ids_it_knows(store: EventStore) -> None:
    await store.append([an_append(STREAM, 0, *range(1, 1_002))])
    asked = [event_id(number) for number in range(500, 2_000)]
    assert await store.known_events(asked) == {event_id(number) for number in range(500, 1_002)}
    assert await store.known_events([]) == set()


async def test_an_event_id_that_is_stored_already_is_refused_and_costs_only_its_call(
    store: EventStore,
) -> None:
    await store.append([an_append(STREAM, 0, 1)])
    outcomes = await asyncio.gather(
        store.append([an_append(OTHER, 0, 2)]),
        store.append([an_append("acme/opportunity/O3", 0, 1)]),
        store.append([an_append("acme/opportunity/O4", 0, 3)]),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert sorted(await whole_log(store)) == [1, 2, 3]


# -------------------------------------------------------------------------------- snapshots


async def test_the_latest_snapshot_of_a_stream_and_key_is_kept(store: EventStore) -> None:
    assert await store.load_snapshot(STREAM, "opportunity.v1") is None
    await store.save_snapshot(STREAM, "opportunity.v1", 500, b"old")
    await store.save_snapshot(STREAM, "opportunity.v1", 1_000, b"new")
    await store.save_snapshot(STREAM, "opportunity.v2", 700, b"other")
    assert await store.load_snapshot(STREAM, "opportunity.v1") == (1_000, b"new")
    assert await store.load_snapshot(STREAM, "opportunity.v2") == (700, b"other")
    assert await store.load_snapshot(OTHER, "opportunity.v1") is None


# -------------------------------------------------------------------------------- many at once


async def test_concurrent_appends_share_commits(store: EventStore) -> None:
    generation = store.generation
    outcomes = await asyncio.gather(
        *(store.append([an_append(f"acme/opportunity/O{n}", 0, n)]) for n in range(300))
    )
    assert {outcome.verdict for [outcome] in outcomes} == {Verdict.DONE}
    assert sorted(await whole_log(store)) == list(range(300))
    assert 1 <= store.generation - generation <= 30


async def test_readers_and_writers_at_the_same_time_see_only_whole_appends(
    store: EventStore,
) -> None:
    async def write(stream: str, first: int) -> None:
        for n in range(20):
            await store.append([an_append(stream, 3 * n, *range(first + 3 * n, first + 3 * n + 3))])

    async def read(stream: str) -> None:
        for _ in range(20):
            events = await store.read_stream(stream)
            assert [event.version for event in events] == list(range(1, len(events) + 1))
            assert len(events) % 3 == 0

    streams = [f"acme/opportunity/O{n}" for n in range(8)]
    writers = [write(stream, 1_000 * n) for n, stream in enumerate(streams, 1)]
    await asyncio.gather(*writers, *(read(stream) for stream in streams))
    assert len(await whole_log(store)) == 8 * 60


async def test_an_appender_that_gives_up_waiting_does_not_take_the_others_along(
    store: EventStore,
) -> None:
    impatient = asyncio.create_task(store.append([an_append(STREAM, 0, 1)]))
    patient = asyncio.create_task(store.append([an_append(OTHER, 0, 2)]))
    await asyncio.sleep(0)
    impatient.cancel()
    [outcome] = await patient
    assert outcome.verdict is Verdict.DONE
    assert set(await whole_log(store)) <= {1, 2}


async def test_who_waits_is_woken_by_the_next_commit(store: EventStore) -> None:
    generation = store.generation
    waiting = asyncio.create_task(store.wait_beyond(generation, 30))
    await asyncio.sleep(0.01)
    await store.append([an_append(STREAM, 0, 1)])
    await asyncio.wait_for(waiting, 5)
    assert store.generation > generation


async def test_whoever_is_answered_finds_the_generation_grown(store: EventStore) -> None:
    for number in range(20):
        generation = store.generation
        await store.append([an_append(STREAM, number, number)])
        assert store.generation > generation


async def test_the_generation_of_a_log_grows_by_commits_to_it_only(store: EventStore) -> None:
    ours, others = store.generation_of("opportunities"), store.generation_of("leads")
    await store.append([an_append(STREAM, 0, 1)])
    assert store.generation_of("opportunities") > ours
    assert store.generation_of("leads") == others
    await store.append([an_append("acme/lead/L1", 0, 2, log="leads")])
    assert store.generation_of("leads") > others


async def test_waiting_ends_by_itself_and_at_once_where_something_came_before(
    store: EventStore,
) -> None:
    await store.wait_beyond(store.generation, 0.01)
    await store.append([an_append(STREAM, 0, 1)])
    await asyncio.wait_for(store.wait_beyond(store.generation - 1, 30), 1)


# -------------------------------------------------------------------------------- lasting


async def test_everything_is_there_after_closing_and_opening(open_store: OpenStore) -> None:
    store = await open_store()
    log_id = await store.log_id("opportunities")
    [first] = await store.append([an_append(STREAM, 0, 1, 2, command=a_command())])
    await store.save_snapshot(STREAM, "opportunity.v1", 2, b"state")
    before = await store.read_stream(STREAM)
    await store.close()

    store = await open_store()
    assert await store.log_id("opportunities") == log_id
    assert await store.read_stream(STREAM) == before
    assert await store.load_snapshot(STREAM, "opportunity.v1") == (2, b"state")
    [again] = await store.append([an_append(STREAM, 2, 3, command=a_command())])
    assert again == first._replace(verdict=Verdict.DUPLICATE)
    [further] = await store.append([Append("opportunities", STREAM, 2, [an_event(3)])])
    assert (further.verdict, further.version) == (Verdict.DONE, 3)
    assert await whole_log(store) == [1, 2, 3]


async def test_closing_waits_for_what_is_being_written(open_store: OpenStore) -> None:
    store = await open_store()
    writing = [
        asyncio.create_task(store.append([an_append(f"acme/opportunity/O{n}", 0, n)]))
        for n in range(50)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert {(await each)[0].verdict for each in writing} == {Verdict.DONE}
    assert sorted(await whole_log(await open_store())) == list(range(50))
