"""The embedded key store: a file of its own, readable by its owner alone, kept out of backups."""

import asyncio
import os
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from shared.errors import StoreAway

_KEY_BYTES = 32
_KEYS_CACHED = 50_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tenant_keys (
    tenant_id TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject_keys (
    tenant_id TEXT NOT NULL, subject TEXT NOT NULL, wrapped_key BLOB,
    PRIMARY KEY (tenant_id, subject)) WITHOUT ROWID;
"""


class FileKeyStore:
    """Subjects' keys wrapped (RFC 3394) by their tenant's key; an erased one is NULL for good."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.executescript(_SCHEMA)
        self._cache: dict[tuple[str, str], bytes | None] = {}
        self._lock = asyncio.Lock()

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        async with self._lock:
            if any((tenant_id, subject) not in self._cache for subject in subjects):
                await asyncio.to_thread(self._load, tenant_id, subjects, make=True)
            return {subject: self._cache[tenant_id, subject] for subject in subjects}

    async def existing_keys(
        self, tenant_id: str, subjects: Collection[str]
    ) -> Mapping[str, bytes | None]:
        async with self._lock:
            if any((tenant_id, subject) not in self._cache for subject in subjects):
                await asyncio.to_thread(self._load, tenant_id, subjects, make=False)
            return {subject: self._cache.get((tenant_id, subject)) for subject in subjects}

    async def erase(self, tenant_id: str, subject: str) -> None:
        async with self._lock:
            await asyncio.to_thread(self._erase, tenant_id, subject)
            self._cache[tenant_id, subject] = None

    def close(self) -> None:
        self._connection.close()

    def _erase(self, tenant_id: str, subject: str) -> None:
        try:
            self._connection.execute(
                "INSERT INTO subject_keys VALUES (?, ?, NULL)"
                " ON CONFLICT DO UPDATE SET wrapped_key = NULL",
                (tenant_id, subject),
            )
            # The log beside the file would keep the key until its next checkpoint.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as failure:
            raise StoreAway(f"the key store cannot be written: {failure}") from failure

    def _load(self, tenant_id: str, subjects: Collection[str], *, make: bool) -> None:
        if len(self._cache) > _KEYS_CACHED:
            self._cache.clear()
        found: dict[tuple[str, str], bytes | None] = {}
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            tenant_key = self._tenant_key(tenant_id)
            for subject in subjects:
                key = self._subject_key(tenant_id, subject, tenant_key, make=make)
                if key is not None or make:
                    found[tenant_id, subject] = key
            self._connection.execute("COMMIT")
        except sqlite3.Error as failure:
            self._connection.rollback()
            raise StoreAway(f"the key store cannot be written: {failure}") from failure
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
