"""What only KurrentDB can do to its adapter: others who write too, lost replies, a server away."""

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.kurrentdb_event_store import (
    KurrentDbEventStore,
    open_kurrentdb_event_store,
)
from shared.adapters.kurrentdb_event_store_numbers import BLOCK
from shared.clock import Clock
from shared.errors import StoreAway
from shared.event_store import Append, EventStore, UnreadableEvent, Verdict
from shared.verification import verify
from tests.contracts.event_stores import (
    LOGS,
    NOW,
    SettableClock,
    a_command,
    an_append,
    an_event,
    event_id,
)
from tests.servers.certificates import a_certificate
from tests.servers.kurrentdb_in_process import KurrentDbServer, Records

STREAM = "acme/opportunity/O1"
OTHER = "acme/opportunity/O2"
NUMBERING = "pulsetrail.opportunities.numbering"

Open = Callable[..., Awaitable[KurrentDbEventStore]]


@pytest.fixture
async def open_store(kurrentdb_in_process: KurrentDbServer) -> AsyncIterator[Open]:
    """One more store on the test's server, as another process would have it."""
    opened = []

    async def open_it(
        clock: Clock = lambda: NOW, url: str | None = None, **options: Any
    ) -> KurrentDbEventStore:
        address = url or kurrentdb_in_process.url
        opened.append(
            await open_kurrentdb_event_store(
                address, LOGS, clock, lambda: uuid.uuid4().hex, **options
            )
        )
        return opened[-1]

    yield open_it
    for store in opened:
        await store.close()


async def numbers_of(store: EventStore, log: str = "opportunities") -> list[int]:
    """All event numbers of the log, its offsets checked to be contiguous."""
    events = await store.read_log(log, 0, 0, 100_000)
    assert [event.offset for event in events] == list(range(len(events)))
    return [event.event_id.int for event in events]


async def holds(store: EventStore, *numbers: int) -> None:
    """Waits until the store has heard of these events, whoever appended them."""
    async with asyncio.timeout(20):
        while not set(numbers) <= set(await numbers_of(store)):
            await store.wait_beyond(store.generation, 0.1)


async def until(it_is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not it_is_so():  # noqa: ASYNC110  # the server's thread sets no event
            await asyncio.sleep(0.02)


# -------------------------------------------------------------------------------- others write too


async def test_of_two_processes_that_decided_on_the_same_version_one_meets_a_conflict(
    open_store: Open,
) -> None:
    ours, theirs = await open_store(), await open_store()
    for version in range(10):
        outcomes = await asyncio.gather(
            ours.append([an_append(STREAM, version, 1_000 + version)]),
            theirs.append([an_append(STREAM, version, 2_000 + version)]),
        )
        verdicts = sorted(outcome.verdict for [outcome] in outcomes)
        assert verdicts == [Verdict.CONFLICT, Verdict.DONE]
    assert len(await numbers_of(ours)) == 10
    assert await verify(ours, LOGS) == []


@pytest.mark.parametrize(("seconds", "bad_offsets"), [(0.004, []), (15.0, []), (15.001, [1])])
async def test_clocks_that_differ_are_no_tampering_while_the_tick_allows_for_them(
    open_store: Open,
    kurrentdb_in_process: KurrentDbServer,
    seconds: float,
    bad_offsets: list[int],
) -> None:
    ours, behind = await open_store(), await open_store(lambda: NOW - timedelta(seconds=seconds))
    stamped, go_on = threading.Event(), threading.Event()

    def hold_theirs(request: Any) -> None:
        if OTHER.encode() in request.SerializeToString():
            stamped.set()
            go_on.wait(4)

    kurrentdb_in_process.before_append = hold_theirs
    late = asyncio.create_task(behind.append([an_append(OTHER, 0, 2)]))
    await until(stamped.is_set)
    await ours.append([an_append(STREAM, 0, 1)])
    go_on.set()
    await late
    await holds(ours, 1, 2)
    assert [flaw.position.offset for flaw in await verify(ours, LOGS)] == bad_offsets


async def test_every_process_gives_the_events_the_same_numbers(open_store: Open) -> None:
    ours, theirs = await open_store(), await open_store()

    async def write(store: EventStore, number: int) -> int:
        [outcome] = await store.append([an_append(f"acme/opportunity/O{number}", 0, number)])
        assert outcome.position is not None
        return outcome.position.offset

    offsets = await asyncio.gather(
        *(write(ours if number % 2 else theirs, number) for number in range(100))
    )
    await holds(ours, *range(100))
    await holds(theirs, *range(100))
    assert await ours.read_log("opportunities", 0, 0, 200) == await theirs.read_log(
        "opportunities", 0, 0, 200
    )
    by_number = {number: offset for offset, number in enumerate(await numbers_of(ours))}
    assert [by_number[number] for number in range(100)] == offsets


async def test_what_another_process_appended_wakes_who_waits(open_store: Open) -> None:
    ours, theirs = await open_store(), await open_store()
    await theirs.append([an_append(STREAM, 0, 1)])
    await holds(ours, 1)
    generation = ours.generation
    waiting = asyncio.create_task(ours.wait_beyond(generation, 30))
    await theirs.append([an_append(STREAM, 1, 2)])
    await asyncio.wait_for(waiting, 5)
    assert ours.generation > generation


async def test_a_command_that_another_process_served_is_recognised_in_its_stream(
    open_store: Open,
) -> None:
    ours, theirs = await open_store(), await open_store()
    await ours.append([an_append(STREAM, 0, 1)])
    [first] = await theirs.append([an_append(STREAM, 1, 2, 3, command=a_command())])
    [again] = await ours.append([an_append(STREAM, 1, 2, 3, command=a_command())])
    [reused] = await ours.append([an_append(STREAM, 3, 4, command=a_command(digest=b"d2"))])
    assert again == first._replace(verdict=Verdict.DUPLICATE)
    assert reused.verdict is Verdict.KEY_REUSED


async def test_command_ids_are_told_apart_by_stream(open_store: Open) -> None:
    """The promise that this store does not give: two streams may be told the same id."""
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1, command=a_command())])
    [outcome] = await store.append([an_append(OTHER, 0, 2, command=a_command())])
    assert outcome.verdict is Verdict.DONE
    assert await store.find_command("acme", "p1:k1") is None


async def test_systems_that_share_a_server_do_not_see_one_another(open_store: Open) -> None:
    ours, theirs = await open_store(), await open_store(installation="elsewhere")
    await ours.append([an_append(STREAM, 0, 1)])
    await theirs.append([an_append(STREAM, 0, 2, 3)])
    await ours.append([an_append(STREAM, 1, 4)])
    assert await numbers_of(ours) == [1, 4]
    assert await numbers_of(theirs) == [2, 3]
    assert await ours.log_id("leads") != await theirs.log_id("leads")


async def test_a_later_version_elsewhere_is_a_conflict_also_when_nothing_is_to_be_appended(
    open_store: Open,
) -> None:
    ours, theirs = await open_store(), await open_store()
    await theirs.append([an_append(STREAM, 0, 1)])
    [outcome] = await ours.append([Append("opportunities", STREAM, 0, [])])
    assert (outcome.verdict, outcome.version) == (Verdict.CONFLICT, 1)


# -------------------------------------------------------------------------------- numbers


async def test_numbers_are_found_again_from_what_was_kept_of_them(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    clock = SettableClock()
    store = await open_store(clock)
    for first in range(0, 3 * BLOCK, 250):
        await store.append([an_append(STREAM, first, *range(first, first + 250))])
    await store.append([an_append(OTHER, 0, 3 * BLOCK)])
    kept = kurrentdb_in_process.records.streams
    await until(lambda: len(kept.get(NUMBERING, [])) == 3)
    before = await store.read_log("opportunities", 0, 0, 10_000)
    await store.close()

    kurrentdb_in_process.positions_read.clear()
    clock.move(hours=-1)
    store = await open_store(clock)
    last_kept = kurrentdb_in_process.records.streams[f"pulsetrail.opportunities-{STREAM}"][-1]
    assert last_kept.position in kurrentdb_in_process.positions_read
    assert await store.read_log("opportunities", 0, 0, 10_000) == before
    assert await store.find_events([event_id(7)]) == {event_id(7): before[7]}
    await store.append([an_append("acme/opportunity/O3", 0, 3 * BLOCK + 1)])
    assert await numbers_of(store) == list(range(3 * BLOCK + 2))
    assert await verify(store, LOGS) == []


async def test_processes_that_number_together_keep_every_block_once(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    stores = [await open_store() for _ in range(3)]
    for first in range(0, 2 * BLOCK, 250):
        await stores[0].append([an_append(STREAM, first, *range(first, first + 250))])
    for store in stores:
        await holds(store, 2 * BLOCK - 1)
    kept = kurrentdb_in_process.records.streams
    await until(lambda: len(kept.get(NUMBERING, [])) == 2)
    fresh = await open_store()
    assert await numbers_of(fresh) == list(range(2 * BLOCK))
    assert len(kept[NUMBERING]) == 2


async def test_a_restored_server_is_numbered_anew(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1)])
    backup = list(kurrentdb_in_process.records.all)
    await store.append([an_append(STREAM, 1, 2), an_append(OTHER, 0, 3)])
    kurrentdb_in_process.stop()
    kurrentdb_in_process.records = restored(backup)
    kurrentdb_in_process.start()
    async with asyncio.timeout(20):
        while await store.head("opportunities", 0) != 1:
            await store.wait_beyond(store.generation, 0.05)
    [outcome] = await store.append([an_append(STREAM, 1, 4)])
    assert outcome.verdict is Verdict.DONE
    assert await numbers_of(store) == [1, 4]


async def test_a_restored_server_that_went_on_otherwise_is_numbered_anew(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    """Another event stands where the last one stood."""
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1)])
    await store.append([an_append(STREAM, 1, 2)])
    [*backup, second] = kurrentdb_in_process.records.all
    kurrentdb_in_process.stop()
    other = replace(second, event_id=str(event_id(9)))
    kurrentdb_in_process.records = restored([*backup, other])
    kurrentdb_in_process.start()
    async with asyncio.timeout(20):
        while await store.known_events([event_id(2), event_id(9)]) != {event_id(9)}:
            await store.wait_beyond(store.generation, 0.05)
    assert await numbers_of(store) == [1, 9]


def restored(backup: list[Any]) -> Records:
    records = Records()
    for record in backup:
        records.all.append(record)
        records.streams.setdefault(record.stream, []).append(record)
        records.end = record.position + 100_000
    return records


# -------------------------------------------------------------------------------- lost and refused


async def test_an_append_whose_reply_is_lost_is_stored_once_and_answered(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1)])
    kurrentdb_in_process.lost_replies = 1
    [outcome] = await store.append([an_append(STREAM, 1, 2, 3, command=a_command())])
    assert (outcome.verdict, outcome.version) == (Verdict.DONE, 3)
    assert await numbers_of(store) == [1, 2, 3]


async def test_an_append_of_unknown_fate_is_recognised_when_it_is_repeated(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    store = await open_store()
    kurrentdb_in_process.lost_replies = 10
    with pytest.raises(StoreAway, match="the reply was lost"):
        await store.append([an_append(STREAM, 0, 1, command=a_command())])
    kurrentdb_in_process.lost_replies = 0
    [again] = await store.append([an_append(STREAM, 0, 1, command=a_command())])
    assert (again.verdict, again.version) == (Verdict.DUPLICATE, 1)
    assert await numbers_of(store) == [1]


async def test_an_append_larger_than_the_server_takes_is_told_and_stores_nothing(
    open_store: Open,
) -> None:
    store = await open_store()
    large = Append("opportunities", STREAM, 0, [an_event(1, payload=b"x" * 2_000_000)])
    with pytest.raises(Exception, match="Max size is 1048576"):
        await store.append([large])
    assert await numbers_of(store) == []
    [outcome] = await store.append([an_append(STREAM, 0, 2)])
    assert outcome.verdict is Verdict.DONE


async def test_a_changed_event_is_found_and_a_damaged_one_named(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    store = await open_store()
    await store.append([an_append(STREAM, 0, 1, 2)])
    [_first, second] = kurrentdb_in_process.records.streams[f"pulsetrail.opportunities-{STREAM}"]
    object.__setattr__(second, "data", b'{"amount": 1}')
    [found] = await verify(store, LOGS)
    assert found.event_id == event_id(2)
    object.__setattr__(second, "custom_metadata", b"gone")
    with pytest.raises(UnreadableEvent, match=str(event_id(2))):
        await store.read_stream(STREAM)


async def test_nothing_will_be_recorded_before_the_moment_named(open_store: Open) -> None:
    """Writes are given up before that, whatever the other processes do."""
    store = await open_store()
    until = await store.recorded_until("opportunities", 0)
    assert NOW - timedelta(seconds=30) < until < NOW - timedelta(seconds=10)


async def test_whoever_names_that_moment_has_numbered_all_that_others_stored(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    ours, theirs = await open_store(), await open_store()
    kurrentdb_in_process.holds_back = True
    appending = asyncio.create_task(theirs.append([an_append(STREAM, 0, 1)]))
    await until(lambda: f"pulsetrail.opportunities-{STREAM}" in streams_of(kurrentdb_in_process))
    naming = asyncio.create_task(ours.recorded_until("opportunities", 0))
    await asyncio.wait([naming], timeout=0.5)
    assert not naming.done()
    kurrentdb_in_process.holds_back = False
    await naming
    assert await ours.heads("opportunities") == [1]
    await appending


def streams_of(server: KurrentDbServer) -> set[str]:
    return set(server.records.streams)


async def test_a_write_that_takes_too_long_is_given_up(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    store = await open_store()
    kurrentdb_in_process.before_append = lambda _request: time.sleep(6)
    with pytest.raises(StoreAway):
        await store.append([an_append(STREAM, 0, 1)])
    kurrentdb_in_process.before_append = None


# -------------------------------------------------------------------------------- the server away


@pytest.mark.parametrize("scheme", ["kurrentdb", "kurrentdb+discover"])
async def test_a_store_opens_without_its_server_and_works_when_it_comes(
    open_store: Open, scheme: str
) -> None:
    server = KurrentDbServer()
    server.start()
    server.stop()
    url = server.url.replace("kurrentdb", scheme)
    never_connected = await open_store(url=url)
    await never_connected.close()
    store = await open_store(url=url)
    with pytest.raises(StoreAway, match="cannot be followed"):
        await store.append([an_append(STREAM, 0, 1)])
    with pytest.raises(StoreAway):
        await store.read_stream(STREAM)
    server.start()
    try:
        await works_again(store, 1)
        assert await numbers_of(store) == [1]
        await store.close()
    finally:
        server.stop()


async def test_readers_and_writers_go_on_when_the_server_comes_back(
    open_store: Open, kurrentdb_in_process: KurrentDbServer
) -> None:
    ours, theirs = await open_store(), await open_store()
    await ours.append([an_append(STREAM, 0, 1)])
    await holds(theirs, 1)
    kurrentdb_in_process.stop()
    with pytest.raises(StoreAway):
        await ours.append([an_append(STREAM, 1, 2)])
    with pytest.raises(StoreAway):
        await ours.read_stream(STREAM)
    kurrentdb_in_process.start()
    await works_again(ours, 3)
    await holds(theirs, 1, 3)


async def works_again(store: EventStore, number: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                [outcome] = await store.append([an_append("acme/opportunity/back", 0, number)])
            except StoreAway:
                await asyncio.sleep(0.1)
            else:
                assert outcome.verdict is Verdict.DONE
                return


# -------------------------------------------------------------------------------- addresses


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[KurrentDbServer, Path]]:
    """A server that asks for TLS and credentials, and the authority to trust."""
    key, chain = a_certificate("127.0.0.1")
    authority = tmp_path / "ca.pem"
    authority.write_bytes(chain)
    server = KurrentDbServer(credentials=("admin", "changeit"), certificate=(key, chain))
    server.start()
    yield server, authority
    server.stop()


async def test_the_address_brings_tls_and_credentials(
    open_store: Open, secured: tuple[KurrentDbServer, Path]
) -> None:
    server, authority = secured
    address = f"admin:changeit@127.0.0.1:{server.port}?tlsCaFile={authority}"
    store = await open_store(url=f"kurrentdb://{address}")
    await store.append([an_append(STREAM, 0, 1)])
    discovering = await open_store(url=f"kurrentdb+discover://{address}")
    assert await numbers_of(discovering) == [1]


async def test_wrong_credentials_are_told_with_their_remedy(
    open_store: Open, secured: tuple[KurrentDbServer, Path]
) -> None:
    server, authority = secured
    url = f"kurrentdb://admin:wrong@127.0.0.1:{server.port}?tlsCaFile={authority}"
    store = await open_store(url=url)
    with pytest.raises(StoreAway, match="check user and password in EVENT_STORE_URL") as told:
        await store.append([an_append(STREAM, 0, 1)])
    assert "wrong" not in str(told.value)
    server.credentials = ("admin", "wrong")
    await works_again(store, 1)


async def test_a_server_whose_certificate_is_not_trusted_is_not_spoken_to(
    open_store: Open, secured: tuple[KurrentDbServer, Path], tmp_path: Path
) -> None:
    server, _authority = secured
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(a_certificate("127.0.0.1")[1])
    url = f"kurrentdb://admin:changeit@127.0.0.1:{server.port}?tlsCaFile={stranger}"
    store = await open_store(url=url)
    with pytest.raises(StoreAway):
        await store.append([an_append(STREAM, 0, 1)])
    assert server.records.all == []


@pytest.mark.parametrize(
    "url",
    [
        "kurrentdb://admin:secret@127.0.0.1:2113?colour=red",
        "kurrentdb://admin:secret@127.0.0.1:2113?tlsCaFile=/nowhere/ca.pem",
        "http://admin:secret@127.0.0.1:2113",
    ],
)
async def test_an_unfit_address_is_refused_without_showing_it(open_store: Open, url: str) -> None:
    with pytest.raises(ValueError, match="EVENT_STORE_URL cannot be used") as told:
        await open_store(url=url)
    assert "secret" not in str(told.value)
