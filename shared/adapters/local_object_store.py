"""Evidence in a folder, or anywhere that obstore reaches."""

from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from shared.errors import StoreAway


class LocalObjectStore:
    """`<folder>/<tenant>/<first two hex digits>/<sha256>`; written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(str(folder))

    async def put(self, tenant_id: str, sha256: str, content: bytes) -> bool:
        try:
            await obstore.put_async(
                self._store, _path(tenant_id, sha256), content, mode="create", use_multipart=False
            )
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as failure:
            raise StoreAway(f"the object store cannot be written: {failure}") from failure
        return True

    async def get(self, tenant_id: str, sha256: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, _path(tenant_id, sha256))
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as failure:
            raise StoreAway(f"the object store cannot be read: {failure}") from failure
        return bytes(await found.bytes_async())

    async def delete(self, tenant_id: str, sha256: str) -> None:
        try:
            await obstore.delete_async(self._store, _path(tenant_id, sha256))
        except FileNotFoundError:
            return

    async def addresses(self, tenant_id: str) -> AsyncIterator[str]:
        async for page in obstore.list(self._store, prefix=tenant_id):
            for each in page:
                yield each["path"].rsplit("/", 1)[1]


def _path(tenant_id: str, sha256: str) -> str:
    return f"{tenant_id}/{sha256[:2]}/{sha256}"
