"""The embedded key store: a file of its own, readable by its owner alone, kept out of backups."""

import asyncio
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from shared.adapters.sqlite_format import refuse_newer, stamp
from shared.errors import StoreAway
from shared.key_store import Binding

_KEY_BYTES = 32
_KEYS_CACHED = 50_000

_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tenant_keys (
    tenant_id TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject_keys (
    tenant_id TEXT NOT NULL, subject TEXT NOT NULL, wrapped_key BLOB,
    PRIMARY KEY (tenant_id, subject)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bindings (
    tenant_id TEXT NOT NULL, object_name TEXT NOT NULL, subject TEXT NOT NULL,
    PRIMARY KEY (tenant_id, object_name, subject)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bindings_of_subject ON bindings (tenant_id, subject);
"""

# Of the objects that are bound to a subject, those bound to nobody who is left. A subject without
# a row has no key yet, and is left.
_BOUND_TO_NOBODY = """
SELECT DISTINCT object_name FROM bindings AS bound
WHERE bound.tenant_id = :tenant_id AND bound.subject = :subject AND NOT EXISTS (
    SELECT 1 FROM bindings AS other LEFT JOIN subject_keys AS kept
    ON kept.tenant_id = other.tenant_id AND kept.subject = other.subject
    WHERE other.tenant_id = bound.tenant_id AND other.object_name = bound.object_name
    AND (kept.subject IS NULL OR kept.wrapped_key IS NOT NULL))
"""
_ERASE = "INSERT INTO subject_keys VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET wrapped_key = NULL"


class FileKeyStore:
    """Subjects' keys wrapped (RFC 3394) by their tenant's key; an erased one is NULL for good."""

    def __init__(self, path: Path) -> None:
        """Raises DataIsNewer."""
        refuse_newer(path, _FORMAT)
        path.touch(mode=0o600, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.executescript(_SCHEMA)
        stamp(self._connection, _FORMAT)
        self._cache: dict[tuple[str, str], bytes | None] = {}
        self._wanted: dict[str, set[str]] = {}
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        async with self._lock:
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        try:
            self._connection.execute("SELECT 1 FROM tenant_keys").fetchone()
        except sqlite3.Error as failure:
            raise StoreAway(f"the key store cannot be read: {failure}") from failure

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        """Who waits meanwhile is served with the next transaction, all together."""
        missing = [each for each in subjects if (tenant_id, each) not in self._cache]
        self._wanted.setdefault(tenant_id, set()).update(missing)
        async with self._lock:
            if any((tenant_id, subject) not in self._cache for subject in subjects):
                wanted = self._wanted.pop(tenant_id, set()).union(subjects)
                await asyncio.to_thread(self._load, tenant_id, wanted, make=True)
            return {subject: self._cache[tenant_id, subject] for subject in subjects}

    async def existing_keys(
        self, tenant_id: str, subjects: Collection[str]
    ) -> Mapping[str, bytes | None]:
        async with self._lock:
            if any((tenant_id, subject) not in self._cache for subject in subjects):
                await asyncio.to_thread(self._load, tenant_id, subjects, make=False)
            return {subject: self._cache.get((tenant_id, subject)) for subject in subjects}

    async def bind(self, tenant_id: str, bindings: Collection[Binding]) -> None:
        async with self._lock:
            self._forget(tenant_id, await asyncio.to_thread(self._bind, tenant_id, bindings))

    async def erase(self, tenant_id: str, subject: str) -> None:
        async with self._lock:
            self._forget(tenant_id, await asyncio.to_thread(self._erase, tenant_id, subject))

    def close(self) -> None:
        self._connection.close()

    def _forget(self, tenant_id: str, erased: Collection[str]) -> None:
        self._cache.update(((tenant_id, subject), None) for subject in erased)

    def _bind(self, tenant_id: str, bindings: Collection[Binding]) -> set[str]:
        """The objects whose keys went."""
        rows = [(tenant_id, each.object_name, each.subject) for each in bindings]
        with self._writing():
            self._connection.executemany(
                "INSERT INTO bindings VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows
            )
            gone = {
                name
                for subject in {each.subject for each in bindings}
                for name in self._erase_bound_to(tenant_id, subject)
            }
        self._leave_nothing_of(gone)
        return gone

    def _erase(self, tenant_id: str, subject: str) -> set[str]:
        """The subject and the objects whose keys went with it."""
        with self._writing():
            self._connection.execute(_ERASE, (tenant_id, subject))
            gone = {subject, *self._erase_bound_to(tenant_id, subject)}
        self._leave_nothing_of(gone)
        return gone

    def _erase_bound_to(self, tenant_id: str, subject: str) -> list[str]:
        asked = {"tenant_id": tenant_id, "subject": subject}
        names = [name for (name,) in self._connection.execute(_BOUND_TO_NOBODY, asked)]
        self._connection.executemany(_ERASE, [(tenant_id, name) for name in names])
        return names

    def _leave_nothing_of(self, erased: Collection[str]) -> None:
        """The log beside the file would keep a key until its next checkpoint."""
        if erased:
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as failure:
                raise _not_written(failure) from failure

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, all of it or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as failure:
            self._connection.rollback()
            raise _not_written(failure) from failure

    def _load(self, tenant_id: str, subjects: Collection[str], *, make: bool) -> None:
        if len(self._cache) > _KEYS_CACHED:
            self._cache.clear()
        found: dict[tuple[str, str], bytes | None] = {}
        with self._writing():
            tenant_key = self._tenant_key(tenant_id)
            for subject in subjects:
                key = self._subject_key(tenant_id, subject, tenant_key, make=make)
                if key is not None or make:
                    found[tenant_id, subject] = key
        self._cache.update(found)  # only now: a key that is not durable must seal nothing

    def _tenant_key(self, tenant_id: str) -> bytes:
        row = self._connection.execute(
            "SELECT key FROM tenant_keys WHERE tenant_id = ?", (tenant_id,)
        ).fetchone()
        if row is not None:
            return bytes(row[0])
        key = os.urandom(_KEY_BYTES)
        self._connection.execute("INSERT INTO tenant_keys VALUES (?, ?)", (tenant_id, key))
        return key

    def _subject_key(
        self, tenant_id: str, subject: str, tenant_key: bytes, *, make: bool
    ) -> bytes | None:
        row = self._connection.execute(
            "SELECT wrapped_key FROM subject_keys WHERE tenant_id = ? AND subject = ?",
            (tenant_id, subject),
        ).fetchone()
        if row is not None:
            return None if row[0] is None else aes_key_unwrap(tenant_key, row[0])
        if not make:
            return None
        key = os.urandom(_KEY_BYTES)
        self._connection.execute(
            "INSERT INTO subject_keys VALUES (?, ?, ?)",
            (tenant_id, subject, aes_key_wrap(tenant_key, key)),
        )
        return key


def _not_written(failure: sqlite3.Error) -> StoreAway:
    return StoreAway(f"the key store cannot be written: {failure}")
