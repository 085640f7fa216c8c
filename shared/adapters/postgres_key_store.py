"""Keys of subjects on PostgreSQL, in a schema of their own that no backup of events contains."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from shared.adapters.postgres_connecting import (
    connect_arguments,
    left_as_it_was,
    store_away,
)
from shared.adapters.postgres_event_store_schema import check_schema
from shared.adapters.postgres_lookups import Lookups
from shared.adapters.postgres_schemas import KEY_STORE_VERSION, KEYS_SCHEMA
from shared.errors import StoreAway
from shared.key_store import Binding

_KEY_BYTES = 32
_KEYS_CACHED = 50_000
_WAIT_SECONDS = 20.0
_CLOSE_SECONDS = 5.0
_FOR_GOOD = float("inf")

_ONE_AFTER_THE_OTHER = "SELECT pg_advisory_xact_lock(hashtextextended('keys of ' || $1, 0))"
_MAKE_TENANT = (
    "INSERT INTO keys.tenant_keys (tenant_id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
_FIND_TENANT = "SELECT key FROM keys.tenant_keys WHERE tenant_id = $1"

_FIND = (
    "SELECT subject, wrapped_key FROM keys.subject_keys"
    " WHERE tenant_id = $1 AND subject = ANY($2::text[])"
)
_MAKE = (
    "INSERT INTO keys.subject_keys (tenant_id, subject, wrapped_key)"
    " SELECT $1, subject, wrapped FROM unnest($2::text[], $3::bytea[]) AS made(subject, wrapped)"
    " ORDER BY subject ON CONFLICT DO NOTHING"
)
_ERASE = (
    "INSERT INTO keys.subject_keys (tenant_id, subject, wrapped_key)"
    " SELECT $1, subject, NULL FROM unnest($2::text[]) AS gone(subject) ORDER BY subject"
    " ON CONFLICT (tenant_id, subject) DO UPDATE SET wrapped_key = NULL"
)
_BIND = (
    "INSERT INTO keys.bindings (tenant_id, object_name, subject)"
    " SELECT $1, object_name, subject FROM unnest($2::text[], $3::text[])"
    " AS bound(object_name, subject) ON CONFLICT DO NOTHING"
)
# Of the objects that are bound to these subjects, those bound to nobody who is left. A subject
# without a row has no key yet, and is left.
_BOUND_TO_NOBODY = """
SELECT DISTINCT bound.object_name FROM keys.bindings AS bound
WHERE bound.tenant_id = $1 AND bound.subject = ANY($2::text[]) AND NOT EXISTS (
    SELECT 1 FROM keys.bindings AS other LEFT JOIN keys.subject_keys AS kept
    ON kept.tenant_id = other.tenant_id AND kept.subject = other.subject
    WHERE other.tenant_id = bound.tenant_id AND other.object_name = bound.object_name
    AND (kept.subject IS NULL OR kept.wrapped_key IS NOT NULL))
"""


Subject: TypeAlias = tuple[str, str]
"""Tenant and subject."""
KeyLookups: TypeAlias = Lookups[Subject, bytes | None]


class PostgresKeyStore:
    """Subjects' keys wrapped (RFC 3394) by their tenant's key; an erased one is NULL for good.

    A key is remembered for a moment only: another process may have erased it meanwhile.
    """

    def __init__(self, url: str, *, connections: int = 4, remembered_seconds: float = 2.0) -> None:
        self._remembered_seconds = remembered_seconds
        self._cache: OrderedDict[tuple[str, str], tuple[float, bytes | None]] = OrderedDict()
        self._tenant_keys: dict[str, bytes] = {}
        self._finding = Lookups(self._find)
        self._making = Lookups(self._find_or_make)
        self._pool = asyncpg.create_pool(
            **connect_arguments(url), min_size=0, max_size=connections, reset=left_as_it_was
        )

    async def open(self) -> None:
        """Nothing is connected yet."""
        await self._pool

    async def check(self) -> None:
        """Can it work? Raises StoreAway, SchemaOfAnotherVersion."""
        async with self._connection("read") as connection:
            if not await check_schema(connection, KEYS_SCHEMA, KEY_STORE_VERSION, "subject_keys"):
                raise StoreAway("the key store may not be read: run `pulsetrail migrate`")

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        known, missing = self._remembered(tenant_id, subjects)
        if missing:
            known |= await self._together(self._making, tenant_id, missing)
        return {subject: known[subject] for subject in subjects}

    async def existing_keys(
        self, tenant_id: str, subjects: Collection[str]
    ) -> Mapping[str, bytes | None]:
        known, missing = self._remembered(tenant_id, subjects)
        if missing:
            known |= await self._together(self._finding, tenant_id, missing)
        return {subject: known.get(subject) for subject in subjects}

    async def bind(self, tenant_id: str, bindings: Collection[Binding]) -> None:
        objects = [each.object_name for each in bindings]
        subjects = [each.subject for each in bindings]
        async with self._alone(tenant_id) as connection:
            await connection.execute(_BIND, tenant_id, objects, subjects)
            gone = await self._erase_bound_to(connection, tenant_id, sorted(set(subjects)))
        self._remember(tenant_id, dict.fromkeys(gone))

    async def erase(self, tenant_id: str, subject: str) -> None:
        async with self._alone(tenant_id) as connection:
            await connection.execute(_ERASE, tenant_id, [subject])
            gone = await self._erase_bound_to(connection, tenant_id, [subject])
        self._remember(tenant_id, dict.fromkeys([subject, *gone]))

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    def _remembered(
        self, tenant_id: str, subjects: Collection[str]
    ) -> tuple[dict[str, bytes | None], list[str]]:
        now = asyncio.get_running_loop().time()
        known: dict[str, bytes | None] = {}
        missing = []
        for subject in subjects:
            until, key = self._cache.get((tenant_id, subject), (0.0, None))
            if until > now:
                known[subject] = key
            else:
                missing.append(subject)
        return known, missing

    def _remember(self, tenant_id: str, found: Mapping[str, bytes | None]) -> None:
        """Only after the commit: a key that is not durable must seal nothing."""
        now = asyncio.get_running_loop().time()
        for subject, key in found.items():
            until = _FOR_GOOD if key is None else now + self._remembered_seconds
            self._cache[tenant_id, subject] = (until, key)
            self._cache.move_to_end((tenant_id, subject))
        while len(self._cache) > _KEYS_CACHED:
            self._cache.popitem(last=False)

    async def _together(
        self, lookups: KeyLookups, tenant_id: str, subjects: Sequence[str]
    ) -> dict[str, bytes | None]:
        found = await lookups.find_all([(tenant_id, subject) for subject in subjects])
        return {subject: key for (_tenant, subject), key in found.items()}

    async def _find(self, asked: Sequence[Subject]) -> dict[Subject, bytes | None]:
        found: dict[Subject, bytes | None] = {}
        async with self._connection("read") as connection:
            for tenant_id, subjects in _by_tenant(asked).items():
                keys = await self._found(connection, tenant_id, subjects)
                self._remember(tenant_id, keys)
                found |= {(tenant_id, subject): key for subject, key in keys.items()}
        return found

    async def _find_or_make(self, asked: Sequence[Subject]) -> dict[Subject, bytes | None]:
        found: dict[Subject, bytes | None] = {}
        async with self._connection("written") as connection:
            for tenant_id, subjects in _by_tenant(asked).items():
                keys = await self._found_or_made(connection, tenant_id, subjects)
                self._remember(tenant_id, keys)
                found |= {(tenant_id, subject): key for subject, key in keys.items()}
        return found

    async def _found(
        self, connection: "asyncpg.Connection[Any]", tenant_id: str, subjects: Collection[str]
    ) -> dict[str, bytes | None]:
        rows = await connection.fetch(_FIND, tenant_id, list(subjects))
        if not rows:
            return {}
        tenant_key = await self._tenant_key(connection, tenant_id)
        return {
            subject: None if wrapped is None else aes_key_unwrap(tenant_key, wrapped)
            for subject, wrapped in rows
        }

    async def _found_or_made(
        self, connection: "asyncpg.Connection[Any]", tenant_id: str, subjects: Collection[str]
    ) -> dict[str, bytes | None]:
        found = await self._found(connection, tenant_id, subjects)
        new = sorted(set(subjects) - found.keys())
        if not new:
            return found
        tenant_key = await self._tenant_key(connection, tenant_id)
        wrapped = [aes_key_wrap(tenant_key, os.urandom(_KEY_BYTES)) for _ in new]
        await connection.execute(_MAKE, tenant_id, new, wrapped)
        # Somebody else may have made some of them first: theirs count.
        return found | await self._found(connection, tenant_id, new)

    async def _tenant_key(self, connection: "asyncpg.Connection[Any]", tenant_id: str) -> bytes:
        known = self._tenant_keys.get(tenant_id)
        if known is None:
            await connection.execute(_MAKE_TENANT, tenant_id, os.urandom(_KEY_BYTES))
            known = bytes(await connection.fetchval(_FIND_TENANT, tenant_id))
            self._tenant_keys[tenant_id] = known
        return known

    async def _erase_bound_to(
        self, connection: "asyncpg.Connection[Any]", tenant_id: str, subjects: Collection[str]
    ) -> list[str]:
        gone = [row[0] for row in await connection.fetch(_BOUND_TO_NOBODY, tenant_id, subjects)]
        await connection.execute(_ERASE, tenant_id, gone)
        return gone

    @asynccontextmanager
    async def _alone(self, tenant_id: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
        """One transaction; of two that erase, the second sees what the first has left."""
        async with self._connection("written") as connection, connection.transaction():
            await connection.execute(_ONE_AFTER_THE_OTHER, tenant_id)
            yield connection

    @asynccontextmanager
    async def _connection(self, what: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
        """Raises StoreAway."""
        try:
            async with self._pool.acquire(timeout=_WAIT_SECONDS) as connection:
                yield connection
        except Exception as failure:
            told = store_away(f"the key store cannot be {what}", failure)
            if told is None or told is failure:
                raise
            raise told from failure


def _by_tenant(asked: Sequence[Subject]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tenant_id, subject in asked:
        found.setdefault(tenant_id, []).append(subject)
    return found


async def open_postgres_key_store(url: str, *, connections: int = 4) -> PostgresKeyStore:
    store = PostgresKeyStore(url, connections=connections)
    await store.open()
    return store
