"""Evidence in a folder."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from shared.errors import StoreAway

_CHUNK_BYTES = 256 * 1024
_LEFT_BEHIND_AFTER_SECONDS = 24 * 3600
_ADDRESS = re.compile(r"[0-9a-z.]{1,80}")


class LocalObjectStore:
    """`<folder>/<tenant>/<first two characters>/<address>`, on the disk before it has its name.

    The folder is made when it is first needed: whoever keeps no evidence goes on without it. One
    that has gone since is not made again: the disk under it was taken away.
    Plain files rather than obstore's: those are not flushed to the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"
        self._is_made = False

    async def check(self) -> None:
        with _told_when_away("written"):
            await asyncio.to_thread(self._make)
        if not await asyncio.to_thread(os.access, self._incoming, os.W_OK | os.X_OK):
            raise StoreAway(
                f"the object store cannot be written: {self._folder} is missing or closed"
            )

    async def put(self, tenant_id: str, address: str, content: AsyncIterable[bytes]) -> bool:
        path = self._path(tenant_id, address)
        with _told_when_away("written"):
            incoming = await asyncio.to_thread(self._begun, path)
        if incoming is None:
            return False
        is_whole = False
        try:
            async for chunk in content:
                with _told_when_away("written"):
                    await asyncio.to_thread(incoming.write, chunk)
            is_whole = True
        finally:
            with _told_when_away("written"):
                stored = await asyncio.to_thread(_ended, incoming, path if is_whole else None)
        return stored

    async def get(self, tenant_id: str, address: str) -> AsyncIterator[bytes] | None:
        path = self._path(tenant_id, address)
        with _told_when_away("read"):
            try:
                file = await asyncio.to_thread(path.open, "rb")
            except FileNotFoundError:
                return None
        return _chunks(file)

    async def delete(self, tenant_id: str, address: str) -> None:
        with _told_when_away("written"):
            await asyncio.to_thread(self._path(tenant_id, address).unlink, missing_ok=True)

    def _path(self, tenant_id: str, address: str) -> Path:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is no address of an object")
        return self._folder / tenant_id / address[:2] / address

    def _begun(self, path: Path) -> IO[bytes] | None:
        self._make()
        return None if path.exists() else NamedTemporaryFile(dir=self._incoming, delete=False)

    def _make(self) -> None:
        """Raises OSError."""
        if not self._is_made:
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self._is_made = True

    def _sweep(self) -> None:
        """What a process that was killed left behind; others may be writing theirs."""
        now = time.time()  # noqa: TID251  # compared with the times of files
        for each in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                if now - each.stat().st_mtime > _LEFT_BEHIND_AFTER_SECONDS:
                    each.unlink()


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file, _told_when_away("read"):
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _ended(incoming: IO[bytes], path: Path | None) -> bool:
    """Its first name goes, whatever came of it."""
    try:
        return path is not None and _named(incoming, path)
    finally:
        Path(incoming.name).unlink(missing_ok=True)
        with suppress(OSError):  # what a full disk did not take was told when it was written
            incoming.close()


def _named(incoming: IO[bytes], path: Path) -> bool:
    """False where somebody was faster."""
    incoming.flush()
    os.fsync(incoming.fileno())
    missing = [each for each in (path.parent.parent, path.parent) if not each.exists()]
    for folder in missing:
        folder.mkdir(exist_ok=True)
        _flush(folder.parent)
    try:
        os.link(incoming.name, path)
    except FileExistsError:
        return False
    _flush(path.parent)
    return True


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told_when_away(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise StoreAway(f"the object store cannot be {what}: {failure}") from failure
