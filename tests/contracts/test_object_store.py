"""What every object store promises (shared/object_store.py)."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from shared.adapters.local_object_store import LocalObjectStore
from shared.errors import StoreAway
from shared.object_store import ObjectStore

CONTENT = b"a signed contract"
ADDRESS = sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(folder: Path) -> ObjectStore:
    return LocalObjectStore(folder)


async def addresses(objects: ObjectStore, tenant_id: str) -> set[str]:
    return {address async for address in objects.addresses(tenant_id)}


async def test_what_was_put_is_got_back_byte_for_byte(objects: ObjectStore) -> None:
    assert await objects.put("acme", ADDRESS, CONTENT)
    assert await objects.get("acme", ADDRESS) == CONTENT


async def test_what_is_there_is_never_overwritten(objects: ObjectStore) -> None:
    await objects.put("acme", ADDRESS, CONTENT)
    assert not await objects.put("acme", ADDRESS, b"something else")
    assert await objects.get("acme", ADDRESS) == CONTENT


async def test_of_many_who_put_the_same_one_stored_it(objects: ObjectStore) -> None:
    stored = await asyncio.gather(*(objects.put("acme", ADDRESS, CONTENT) for _ in range(8)))
    assert sum(stored) == 1


async def test_what_was_never_put_is_none(objects: ObjectStore) -> None:
    assert await objects.get("acme", ADDRESS) is None


async def test_tenants_do_not_see_each_other(objects: ObjectStore) -> None:
    await objects.put("acme", ADDRESS, CONTENT)
    assert await objects.get("zeta", ADDRESS) is None
    assert await addresses(objects, "zeta") == set()
    assert await objects.put("zeta", ADDRESS, CONTENT)
    await objects.delete("zeta", ADDRESS)
    assert await objects.get("acme", ADDRESS) == CONTENT


async def test_a_tenant_whose_name_begins_another_one_is_not_listed(objects: ObjectStore) -> None:
    await objects.put("acme-two", ADDRESS, CONTENT)
    assert await addresses(objects, "acme") == set()


async def test_deleting_takes_away_and_again_does_nothing(objects: ObjectStore) -> None:
    await objects.put("acme", ADDRESS, CONTENT)
    await objects.delete("acme", ADDRESS)
    await objects.delete("acme", ADDRESS)
    assert await objects.get("acme", ADDRESS) is None
    assert await objects.put("acme", ADDRESS, CONTENT)


async def test_every_address_of_a_tenant_is_listed(objects: ObjectStore) -> None:
    made = {sha256(b"%d" % number).hexdigest() for number in range(120)}
    for address in made:
        await objects.put("acme", address, b"x")
    assert await addresses(objects, "acme") == made


async def test_empty_and_large_objects_are_kept(objects: ObjectStore) -> None:
    large = bytes(range(256)) * 40_000
    for content in (b"", large):
        address = sha256(content).hexdigest()
        await objects.put("acme", address, content)
        assert await objects.get("acme", address) == content


async def test_objects_are_there_after_opening_again(objects: ObjectStore, folder: Path) -> None:
    await objects.put("acme", ADDRESS, CONTENT)
    assert await LocalObjectStore(folder).get("acme", ADDRESS) == CONTENT


async def test_a_place_that_cannot_be_written_is_told(objects: ObjectStore, folder: Path) -> None:
    (folder / "acme").write_text("a file where a folder is needed")
    with pytest.raises(StoreAway):
        await objects.put("acme", ADDRESS, CONTENT)
