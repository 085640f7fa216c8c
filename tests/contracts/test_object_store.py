"""What every object store promises (shared/object_store.py)."""

import asyncio
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from shared.adapters.local_object_store import LocalObjectStore
from shared.adapters.s3_object_store import S3ObjectStore, open_s3_object_store
from shared.errors import StoreAway
from shared.object_store import ObjectStore
from tests.servers.s3 import Bucket

CONTENT = b"a signed contract"
ADDRESS = sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture(params=["local", "s3"])
def open_objects(request: pytest.FixtureRequest) -> Callable[[], ObjectStore]:
    """Opens the store of the test, again after it was opened before."""
    if request.param == "local":
        folder = request.getfixturevalue("folder")
        return lambda: LocalObjectStore(folder)
    bucket = request.getfixturevalue("bucket")
    return lambda: open_bucket(bucket)


@pytest.fixture
def objects(open_objects: Callable[[], ObjectStore]) -> ObjectStore:
    return open_objects()


@pytest.fixture
def local(folder: Path) -> ObjectStore:
    return LocalObjectStore(folder)


def open_bucket(bucket: Bucket, prefix: str = "evidence") -> S3ObjectStore:
    return open_s3_object_store(
        f"{bucket.url}/{prefix}",
        endpoint=bucket.endpoint,
        region="eu-central-1",
        access_key_id="key",
        secret_access_key="secret",
        retries={"max_retries": 1},
    )


async def chunks(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def put(
    objects: ObjectStore, content: bytes, tenant_id: str = "acme", address: str = ADDRESS
) -> bool:
    return await objects.put(tenant_id, address, chunks(content))


async def got(
    objects: ObjectStore, tenant_id: str = "acme", address: str = ADDRESS
) -> bytes | None:
    found = await objects.get(tenant_id, address)
    return None if found is None else b"".join([chunk async for chunk in found])


async def test_a_store_that_can_work_says_so(objects: ObjectStore) -> None:
    await objects.check()


async def test_a_folder_that_has_gone_is_said_to_be_away(local: ObjectStore, folder: Path) -> None:
    await put(local, CONTENT)
    shutil.rmtree(folder)
    with pytest.raises(StoreAway, match="the object store cannot be written"):
        await local.check()
    with pytest.raises(StoreAway, match="the object store cannot be written"):
        await put(local, CONTENT)
    assert not folder.exists()


async def test_a_folder_is_made_when_it_is_first_needed_or_asked_for(
    local: ObjectStore, folder: Path
) -> None:
    assert await got(local) is None
    assert not folder.exists()
    await local.check()
    assert folder.is_dir()


async def test_a_folder_that_cannot_be_made_is_told_when_it_is_needed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.write_text("a file where a folder is needed")
    objects = LocalObjectStore(closed / "objects")
    for asked in (objects.check(), put(objects, CONTENT)):
        with pytest.raises(StoreAway, match="the object store cannot be written"):
            await asked
    closed.unlink()
    await objects.check()
    assert await put(objects, CONTENT)


async def test_what_was_put_is_got_back_byte_for_byte(objects: ObjectStore) -> None:
    assert await put(objects, CONTENT)
    assert await got(objects) == CONTENT


async def test_what_is_there_is_never_overwritten(objects: ObjectStore) -> None:
    await put(objects, CONTENT)
    assert not await put(objects, b"something else")
    assert await got(objects) == CONTENT


async def test_of_many_who_put_the_same_one_stored_it(objects: ObjectStore) -> None:
    stored = await asyncio.gather(*(put(objects, CONTENT) for _ in range(8)))
    assert sum(stored) == 1
    assert await got(objects) == CONTENT


async def test_what_was_never_put_is_none(objects: ObjectStore) -> None:
    assert await got(objects) is None


async def test_tenants_do_not_see_each_other(objects: ObjectStore) -> None:
    await put(objects, CONTENT)
    assert await got(objects, "zeta") is None
    assert await put(objects, CONTENT, "zeta")
    await objects.delete("zeta", ADDRESS)
    assert await got(objects) == CONTENT


async def test_deleting_takes_away_and_again_does_nothing(objects: ObjectStore) -> None:
    await put(objects, CONTENT)
    await objects.delete("acme", ADDRESS)
    await objects.delete("acme", ADDRESS)
    assert await got(objects) is None
    assert await put(objects, CONTENT)


async def test_objects_whose_addresses_begin_alike_are_apart(objects: ObjectStore) -> None:
    await put(objects, b"one", address=f"{ADDRESS}.1")
    await put(objects, b"two", address=f"{ADDRESS}.2")
    await objects.delete("acme", f"{ADDRESS}.1")
    assert await got(objects, address=f"{ADDRESS}.1") is None
    assert await got(objects, address=f"{ADDRESS}.2") == b"two"


async def test_empty_and_large_objects_are_kept(objects: ObjectStore) -> None:
    large = bytes(range(256)) * 40_000
    for content in (b"", large):
        address = sha256(content).hexdigest()
        await put(objects, content, address=address)
        assert await got(objects, address=address) == content


async def test_large_objects_come_in_chunks(objects: ObjectStore) -> None:
    await put(objects, bytes(3 * 1024 * 1024))
    found = await objects.get("acme", ADDRESS)
    assert found is not None
    sizes = [len(chunk) async for chunk in found]
    assert sum(sizes) == 3 * 1024 * 1024
    assert max(sizes) <= 1024 * 1024


async def test_objects_are_there_after_opening_again(
    open_objects: Callable[[], ObjectStore],
) -> None:
    await put(open_objects(), CONTENT)
    assert await got(open_objects()) == CONTENT


async def broken(sent: int) -> AsyncIterator[bytes]:
    yield bytes(sent)
    raise ConnectionError("the line is dead")


@pytest.mark.parametrize("sent", [14, 20_000_000])
async def test_an_upload_that_breaks_off_stores_nothing(objects: ObjectStore, sent: int) -> None:
    with pytest.raises(ConnectionError):
        await objects.put("acme", ADDRESS, broken(sent))
    assert await got(objects) is None
    assert await put(objects, CONTENT)


@pytest.mark.parametrize("address", ["", "../x", "A" * 8, "a" * 81])
async def test_what_is_no_address_is_refused(objects: ObjectStore, address: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        await put(objects, CONTENT, address=address)
    with pytest.raises(ValueError, match="no address"):
        await objects.get("acme", address)


# -------------------------------------------------------------------------------- a folder


async def test_of_an_upload_that_broke_off_no_file_is_left(
    local: ObjectStore, folder: Path
) -> None:
    with pytest.raises(ConnectionError):
        await local.put("acme", ADDRESS, broken(14))
    assert not [each for each in folder.rglob("*") if each.is_file()]


async def test_a_place_that_cannot_be_written_is_told(local: ObjectStore, folder: Path) -> None:
    folder.mkdir()
    (folder / "acme").write_text("a file where a folder is needed")
    with pytest.raises(StoreAway):
        await put(local, CONTENT)
    with pytest.raises(StoreAway):
        await local.get("acme", ADDRESS)


async def test_a_full_disk_is_told_and_keeps_no_half_of_it(
    local: ObjectStore, folder: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(StoreAway):
            await put(local, bytes(3_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await got(local) is None
    assert not [each for each in folder.rglob("*") if each.is_file()]
    assert await put(local, bytes(3_000_000))


async def test_what_a_killed_upload_left_behind_is_swept_up_later(folder: Path) -> None:
    await LocalObjectStore(folder).check()
    half, running = folder / ".incoming" / "half", folder / ".incoming" / "running"
    half.write_bytes(b"half")
    running.write_bytes(b"of another process")
    two_days_ago = half.stat().st_mtime - 2 * 24 * 3600
    os.utime(half, (two_days_ago, two_days_ago))
    await LocalObjectStore(folder).check()
    assert (half.exists(), running.exists()) == (False, True)


# -------------------------------------------------------------------------------- a bucket


async def test_of_many_who_put_the_same_large_one_stored_it(bucket: Bucket) -> None:
    """Too large for one request: written beside, then copied unless one is there."""
    objects = open_bucket(bucket)
    content = bytes(range(256)) * 40_000
    stored = await asyncio.gather(*(put(objects, content) for _ in range(3)))
    assert sum(stored) == 1
    assert await got(objects) == content
    assert await names_in(bucket) == [f"evidence/acme/{ADDRESS[:2]}/{ADDRESS}"]


async def names_in(bucket: Bucket) -> list[str]:
    store = S3Store(
        bucket.name,
        endpoint=bucket.endpoint,
        region="eu-central-1",
        access_key_id="key",
        secret_access_key="secret",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    return sorted(each["path"] for page in obstore.list(store) for each in page)


async def test_stores_in_one_bucket_are_kept_apart_by_their_prefixes(bucket: Bucket) -> None:
    ours, theirs = open_bucket(bucket), open_bucket(bucket, "other")
    assert await put(ours, CONTENT)
    assert await got(theirs) is None
    await theirs.delete("acme", ADDRESS)
    assert await got(ours) == CONTENT


async def test_a_bucket_that_does_not_exist_is_told_and_is_not_an_object_that_does_not(
    bucket: Bucket,
) -> None:
    objects = open_bucket(Bucket(bucket.endpoint, "nowhere"))
    for work in (put(objects, CONTENT), objects.get("acme", ADDRESS), objects.check()):
        with pytest.raises(StoreAway):
            await work
    await open_bucket(bucket).check()


async def test_a_server_that_is_away_is_told() -> None:
    objects = open_bucket(Bucket("http://127.0.0.1:9", "bucket"))
    for work in (
        put(objects, CONTENT),
        objects.get("acme", ADDRESS),
        objects.delete("acme", ADDRESS),
        objects.check(),
    ):
        with pytest.raises(StoreAway, match="the object store cannot be"):
            await work
