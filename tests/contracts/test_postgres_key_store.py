"""What only keys in a server can suffer: other processes, a server that is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from shared.adapters.postgres_key_store import PostgresKeyStore
from shared.adapters.postgres_schemas import SchemaOfAnotherVersion
from shared.errors import StoreAway
from shared.key_store import Binding

pytestmark = pytest.mark.postgres

PHOTO = "object/photo"

Open = Callable[[], Awaitable[PostgresKeyStore]]


@pytest.fixture
async def open_keys(database_with_keys: str) -> AsyncIterator[Open]:
    opened = []

    async def open_them() -> PostgresKeyStore:
        store = PostgresKeyStore(database_with_keys, remembered_seconds=0.2)
        await store.open()
        opened.append(store)
        return store

    yield open_them
    for store in opened:
        await store.close()


async def test_processes_that_make_the_same_keys_at_once_get_the_same(open_keys: Open) -> None:
    stores = [await open_keys() for _ in range(4)]
    subjects = [f"customer/C{n}" for n in range(200)]
    found = await asyncio.gather(
        *(
            store.keys("acme", subjects if number % 2 else subjects[::-1])
            for number, store in enumerate(stores)
        )
    )
    assert [dict(each) for each in found] == [dict(found[0])] * 4
    assert None not in found[0].values()


async def test_an_erasure_reaches_other_processes_in_a_moment(open_keys: Open) -> None:
    ours, theirs = await open_keys(), await open_keys()
    for store in (ours, theirs):
        assert (await store.keys("acme", ["customer/C1"]))["customer/C1"] is not None
    await ours.erase("acme", "customer/C1")
    assert (await ours.keys("acme", ["customer/C1"]))["customer/C1"] is None
    await asyncio.sleep(0.25)
    assert (await theirs.keys("acme", ["customer/C1"]))["customer/C1"] is None


async def test_of_two_processes_that_erase_the_last_subjects_at_once_one_erases_the_object(
    open_keys: Open,
) -> None:
    ours, theirs = await open_keys(), await open_keys()
    for number in range(20):
        photo = f"{PHOTO}{number}"
        one, other = f"customer/A{number}", f"customer/B{number}"
        await ours.keys("acme", [photo, one, other])
        await ours.bind("acme", [Binding(photo, one), Binding(photo, other)])
        await asyncio.gather(ours.erase("acme", one), theirs.erase("acme", other))
        fresh = await open_keys()
        assert (await fresh.existing_keys("acme", [photo]))[photo] is None


async def test_keys_lie_wrapped_by_their_tenants_key(
    open_keys: Open, database_with_keys: str
) -> None:
    store = await open_keys()
    made = (await store.keys("acme", ["customer/C1"]))["customer/C1"]
    connection = await asyncpg.connect(database_with_keys)
    stored = await connection.fetchval("SELECT wrapped_key FROM keys.subject_keys")
    await connection.close()
    assert made is not None
    assert made not in stored


async def test_connections_that_were_cut_are_made_again(
    open_keys: Open, database_with_keys: str
) -> None:
    store = await open_keys()
    made = await store.keys("acme", ["customer/C1"])
    connection = await asyncpg.connect(database_with_keys)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await connection.close()
    await asyncio.sleep(0.25)
    assert await store.existing_keys("acme", ["customer/C1"]) == made


async def test_a_database_without_the_keys_says_what_to_do(database: str) -> None:
    store = PostgresKeyStore(database)
    await store.open()
    with pytest.raises(SchemaOfAnotherVersion, match="run `pulsetrail migrate`"):
        await store.check()
    with pytest.raises(StoreAway, match="run `pulsetrail migrate`"):
        await store.keys("acme", ["customer/C1"])
    await store.close()
