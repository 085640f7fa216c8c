"""Evidence in a bucket of S3, or of whatever speaks its language."""

import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from shared.errors import StoreAway

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

_CHUNK_BYTES = 1024 * 1024
_AT_ONCE_BYTES = 8 * 1024 * 1024
_ADDRESS = re.compile(r"[0-9a-z.]{1,80}")
_INCOMING = ".incoming"
_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


class S3ObjectStore:
    """`<prefix>/<tenant>/<first two characters>/<address>`, each made by a conditional write.

    What is too large for one request is written under `.incoming` first and then copied; the
    bucket's lifecycle rules should take away what a killed process leaves there.
    """

    def __init__(self, store: S3Store, prefix: str = "") -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def put(self, tenant_id: str, address: str, content: AsyncIterable[bytes]) -> bool:
        path = self._path(tenant_id, address)
        if await self._exists(path):
            return False
        chunks = aiter(content)
        beginning = bytearray()
        async for chunk in chunks:
            beginning += chunk
            if len(beginning) > _AT_ONCE_BYTES:
                return await self._put_large(path, bytes(beginning), chunks)
        return await self._created(path, bytes(beginning))

    async def get(self, tenant_id: str, address: str) -> AsyncIterator[bytes] | None:
        path = self._path(tenant_id, address)
        with _told_when_away("read"):
            try:
                found = await obstore.get_async(self._store, path)
            except FileNotFoundError as failure:
                if _no_bucket(failure):
                    raise
                return None
        return _chunks(found)

    async def delete(self, tenant_id: str, address: str) -> None:
        with _told_when_away("written"):
            await obstore.delete_async(self._store, self._path(tenant_id, address))

    async def check(self) -> None:
        """Can it work? Raises StoreAway."""
        with _told_when_away("read"):
            await obstore.list_with_delimiter_async(self._store, f"{self._prefix}{_INCOMING}")

    def _path(self, tenant_id: str, address: str) -> str:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is no address of an object")
        return f"{self._prefix}{tenant_id}/{address[:2]}/{address}"

    async def _exists(self, path: str) -> bool:
        with _told_when_away("read"):
            try:
                await obstore.head_async(self._store, path)
            except FileNotFoundError as failure:
                if _no_bucket(failure):
                    raise
                return False
        return True

    async def _created(self, path: str, content: bytes) -> bool:
        with _told_when_away("written"):
            try:
                await obstore.put_async(
                    self._store, path, content, mode="create", use_multipart=False
                )
            except AlreadyExistsError:
                return False
        return True

    async def _put_large(self, path: str, beginning: bytes, rest: AsyncIterator[bytes]) -> bool:
        incoming = f"{self._prefix}{_INCOMING}/{uuid.uuid4().hex}"  # noqa: TID251  # a draft's name
        writer = obstore.open_writer_async(self._store, incoming, buffer_size=_AT_ONCE_BYTES)
        with _told_when_away("written"):
            await writer.write(beginning)
        async for chunk in rest:  # whatever it raises: what is not closed is not there
            with _told_when_away("written"):
                await writer.write(chunk)
        with _told_when_away("written"):
            await writer.close()
            try:
                await obstore.copy_async(self._store, incoming, path, overwrite=False)
            except AlreadyExistsError:
                return False
            finally:
                await obstore.delete_async(self._store, incoming)
        return True


def open_s3_object_store(
    url: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    retries: "RetryConfig | None" = None,
) -> S3ObjectStore:
    """`url`: s3://bucket or s3://bucket/prefix. Nothing is connected yet.

    What is not given comes from where S3's clients look for it: the environment, the machine.
    """
    address = urlsplit(url)
    if address.scheme != "s3" or not address.netloc:
        raise ValueError(f"{url!r} is no address like s3://bucket/prefix")
    config: S3Config = {"copy_if_not_exists": "multipart"}
    if endpoint is not None:
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    if region is not None:
        config["region"] = region
    if access_key_id is not None:
        config["access_key_id"] = access_key_id
    if secret_access_key is not None:
        config["secret_access_key"] = secret_access_key
    plain = endpoint is not None and endpoint.startswith("http://")
    store = S3Store(
        address.netloc,
        config=config,
        client_options={"allow_http": plain, "connect_timeout": "5s", "timeout": "60s"},
        retry_config=_RETRIES if retries is None else retries,
    )
    return S3ObjectStore(store, address.path)


async def _chunks(found: Any) -> AsyncIterator[bytes]:
    with _told_when_away("read"):
        async for each in found.stream(min_chunk_size=_CHUNK_BYTES // 4):
            whole = bytes(each)
            for start in range(0, len(whole), _CHUNK_BYTES):
                yield whole[start : start + _CHUNK_BYTES]


def _no_bucket(failure: Exception) -> bool:
    return "NoSuchBucket" in str(failure)


@contextmanager
def _told_when_away(what: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as failure:
        cause = "the bucket does not exist" if _no_bucket(failure) else str(failure).split(" - ")[0]
        told = cause.splitlines()[0]
        raise StoreAway(f"the object store cannot be {what}: {told}") from failure
