"""What every keeper of relay leases promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.sql_relay_leases import RELAYS, SqlRelayLeases
from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.errors import StoreAway
from shared.read_store import ReadStore
from shared.relay_leases import Advance, Lease, RelayLeases
from tests.contracts.relay_leases import MemoryRelayLeases

LEASE_SECONDS = 0.4


class Leases:
    """The adapter under test, and a way to let a lease expire."""

    def __init__(self, port: RelayLeases, expire: Callable[[], Awaitable[Any]]) -> None:
        self.port = port
        self.expire = expire


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def leases(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Leases]:
    if request.param == "memory":
        time = [0.0]

        async def later() -> None:
            time[0] += LEASE_SECONDS * 1.5

        yield Leases(MemoryRelayLeases(lambda: time[0], LEASE_SECONDS), later)
        return
    reads = _reads(request, tmp_path)
    await reads.create_tables([RELAYS])
    yield Leases(SqlRelayLeases(reads, LEASE_SECONDS), lambda: asyncio.sleep(LEASE_SECONDS * 1.5))
    await reads.close()


def _reads(request: pytest.FixtureRequest, tmp_path: Path) -> ReadStore:
    if request.param == "sqlite":
        return open_sqlite_read_store(tmp_path / "reads.db")
    return open_postgres_read_store(request.getfixturevalue("database"))


async def take(leases: Leases, holder: str, *partitions: int) -> list[Lease]:
    return list(await leases.port.take("leads", "L1", partitions or (0,), holder))


async def test_a_partition_that_nobody_relays_is_taken_from_the_beginning(leases: Leases) -> None:
    assert await take(leases, "one", 0, 1) == [
        Lease("leads", 0, "L1", 1, 0),
        Lease("leads", 1, "L1", 1, 0),
    ]


async def test_a_partition_that_somebody_relays_is_not_taken(leases: Leases) -> None:
    await take(leases, "one", 0)
    assert await take(leases, "two", 0, 1) == [Lease("leads", 1, "L1", 1, 0)]


async def test_the_same_holder_takes_its_partition_again_with_a_new_epoch(leases: Leases) -> None:
    await take(leases, "one")
    assert await take(leases, "one") == [Lease("leads", 0, "L1", 2, 0)]


async def test_an_expired_lease_is_taken_where_its_holder_left_off(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    await leases.port.advance([Advance(lease, 7)])
    await leases.expire()
    assert await take(leases, "two") == [Lease("leads", 0, "L1", 2, 7)]


async def test_a_renewed_lease_lasts(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    await leases.expire()
    assert list(await leases.port.renew([lease])) == [lease]
    assert await take(leases, "two") == []


async def test_an_advanced_lease_lasts_too(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    await leases.expire()
    await leases.port.advance([Advance(lease, 7)])
    assert await take(leases, "two") == []


async def test_whoever_lost_its_lease_neither_advances_nor_renews_it(leases: Leases) -> None:
    (zombie,) = await take(leases, "one")
    await leases.expire()
    (lease,) = await take(leases, "two")
    assert list(await leases.port.advance([Advance(zombie, 9)])) == []
    assert list(await leases.port.renew([zombie])) == []
    assert await leases.port.checkpoints("leads") == {0: 0}
    assert list(await leases.port.advance([Advance(lease, 3)])) == [lease._replace(next_offset=3)]


async def test_a_checkpoint_is_advanced_only_from_where_it_stands(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    (moved,) = await leases.port.advance([Advance(lease, 5)])
    assert list(await leases.port.advance([Advance(lease, 6)])) == []
    assert list(await leases.port.advance([Advance(moved, 8)])) == [moved._replace(next_offset=8)]


async def test_several_partitions_are_advanced_each_to_its_own_place(leases: Leases) -> None:
    one, two, three = await take(leases, "one", 0, 1, 2)
    lost = two._replace(epoch=9)
    kept = await leases.port.advance([Advance(one, 4), Advance(lost, 6), Advance(three, 8)])
    assert [(lease.partition, lease.next_offset) for lease in kept] == [(0, 4), (2, 8)]
    assert await leases.port.checkpoints("leads") == {0: 4, 1: 0, 2: 8}


async def test_a_released_partition_is_free_at_once(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    await leases.port.release([lease])
    assert await take(leases, "two") == [Lease("leads", 0, "L1", 2, 0)]


async def test_a_lease_that_is_held_by_another_is_not_released(leases: Leases) -> None:
    (zombie,) = await take(leases, "one")
    await leases.expire()
    await take(leases, "two")
    await leases.port.release([zombie])
    assert await take(leases, "three") == []


async def test_a_log_that_was_replaced_shows_by_its_id(leases: Leases) -> None:
    await take(leases, "one")
    found = await leases.port.take("leads", "L2", [0], "one")
    assert [lease.log_id for lease in found] == ["L1"]


async def test_logs_do_not_share_checkpoints(leases: Leases) -> None:
    (lease,) = await take(leases, "one")
    await leases.port.advance([Advance(lease, 5)])
    (other,) = await leases.port.take("opportunities", "O1", [0], "one")
    assert other.next_offset == 0


async def test_leases_are_away_while_the_database_is(tmp_path: Path) -> None:
    reads = open_sqlite_read_store(tmp_path / "missing" / "reads.db")
    with pytest.raises(StoreAway):
        await SqlRelayLeases(reads).checkpoints("leads")
    await reads.close()
