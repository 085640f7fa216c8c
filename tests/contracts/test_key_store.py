"""What every key store promises (shared/key_store.py)."""

import asyncio
import resource
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.file_key_store import FileKeyStore
from shared.adapters.postgres_key_store import PostgresKeyStore, open_postgres_key_store
from shared.errors import StoreAway
from shared.key_store import Binding, KeyStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


OpenKeys = Callable[[], Awaitable[KeyStore]]


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> Any:
    name = "file" if request.param == "file" else "database_with_keys"
    return request.getfixturevalue(name)


@pytest.fixture
async def open_keys(place: Path | str) -> AsyncIterator[OpenKeys]:
    """Opens the store of the test, again as another process would."""
    opened: list[FileKeyStore | PostgresKeyStore] = []

    async def open_them() -> KeyStore:
        store = (
            await open_postgres_key_store(place) if isinstance(place, str) else FileKeyStore(place)
        )
        opened.append(store)
        return store

    yield open_them
    for store in opened:
        if isinstance(store, FileKeyStore):
            store.close()
        else:
            await store.close()


@pytest.fixture
async def keys(open_keys: OpenKeys) -> KeyStore:
    return await open_keys()


@pytest.fixture
def file_keys(file: Path) -> Iterator[FileKeyStore]:
    store = FileKeyStore(file)
    yield store
    store.close()


async def test_a_store_that_can_work_says_so(keys: KeyStore) -> None:
    await keys.check()


async def test_a_file_that_is_no_key_store_any_more_is_said_to_be_away(
    file_keys: FileKeyStore, file: Path
) -> None:
    with sqlite3.connect(file) as other:
        other.execute("DROP TABLE tenant_keys")
    with pytest.raises(StoreAway, match="the key store cannot be read"):
        await file_keys.check()


async def test_a_subject_gets_one_key_of_32_bytes_for_good(keys: KeyStore) -> None:
    first = await keys.keys("acme", ["customer/C1", "customer/C2"])
    again = await keys.keys("acme", ["customer/C2", "customer/C1"])
    assert first == again
    made = [key for key in first.values() if key is not None]
    assert [len(key) for key in made] == [32, 32]
    assert len(set(made)) == 2


async def test_many_who_ask_at_once_get_the_same_keys(keys: KeyStore) -> None:
    asked = [[f"customer/C{n}", f"customer/C{n + 1}"] for n in range(20)]
    answers = await asyncio.gather(*(keys.keys("acme", subjects) for subjects in asked))
    assert [list(answer) for answer in answers] == asked
    merged = {name: key for answer in answers for name, key in answer.items()}
    assert len(set(merged.values())) == 21
    assert all(answer[name] == merged[name] for answer in answers for name in answer)
    assert await keys.existing_keys("acme", list(merged)) == merged


async def test_the_same_subject_of_another_tenant_has_another_key(keys: KeyStore) -> None:
    ours = await keys.keys("acme", ["customer/C1"])
    theirs = await keys.keys("zeta", ["customer/C1"])
    assert ours["customer/C1"] != theirs["customer/C1"]


async def test_asking_for_existing_keys_makes_none(keys: KeyStore) -> None:
    assert await keys.existing_keys("acme", ["customer/C1"]) == {"customer/C1": None}
    made = await keys.keys("acme", ["customer/C1"])
    assert await keys.existing_keys("acme", ["customer/C1"]) == made


async def test_keys_are_there_after_opening_again(keys: KeyStore, open_keys: OpenKeys) -> None:
    made = await keys.keys("acme", ["customer/C1"])
    again = await open_keys()
    assert await again.existing_keys("acme", ["customer/C1"]) == made


async def test_an_erased_subject_never_has_a_key_again(keys: KeyStore, open_keys: OpenKeys) -> None:
    await keys.keys("acme", ["customer/C1", "customer/C2"])
    await keys.erase("acme", "customer/C1")
    await keys.erase("acme", "customer/C1")
    assert (await keys.keys("acme", ["customer/C1"]))["customer/C1"] is None
    assert (await keys.existing_keys("acme", ["customer/C1"]))["customer/C1"] is None
    assert (await keys.keys("acme", ["customer/C2"]))["customer/C2"] is not None
    again = await open_keys()
    assert (await again.keys("acme", ["customer/C1"]))["customer/C1"] is None


async def test_a_subject_may_be_erased_before_it_is_heard_of(keys: KeyStore) -> None:
    await keys.erase("acme", "customer/C1")
    assert (await keys.keys("acme", ["customer/C1"]))["customer/C1"] is None


async def test_of_an_erased_key_nothing_is_left_in_the_folder(
    file_keys: FileKeyStore, file: Path
) -> None:
    await file_keys.keys("acme", ["customer/C1"])
    reader = sqlite3.connect(file)
    [wrapped] = reader.execute("SELECT wrapped_key FROM subject_keys").fetchone()
    reader.close()
    await file_keys.erase("acme", "customer/C1")
    assert not any(wrapped in each.read_bytes() for each in files_in(file.parent))


def files_in(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_file()]


PHOTO = "object/photo"
C1, C2 = Binding(PHOTO, "customer/C1"), Binding(PHOTO, "customer/C2")


async def key_of(keys: KeyStore, subject: str, tenant_id: str = "acme") -> bytes | None:
    return (await keys.existing_keys(tenant_id, [subject]))[subject]


async def test_the_key_of_an_object_goes_with_the_last_of_its_subjects(
    keys: KeyStore, open_keys: OpenKeys
) -> None:
    await keys.keys("acme", [PHOTO, "customer/C1"])
    await keys.bind("acme", [C1, C2])
    await keys.bind("acme", [C1])
    await keys.erase("acme", "customer/C1")
    assert await key_of(keys, PHOTO) is not None
    await keys.erase("acme", "customer/C2")
    assert await key_of(keys, PHOTO) is None
    assert (await keys.keys("acme", [PHOTO]))[PHOTO] is None
    again = await open_keys()
    assert await key_of(again, PHOTO) is None


async def test_an_object_bound_to_erased_subjects_alone_loses_its_key_at_once(
    keys: KeyStore,
) -> None:
    await keys.keys("acme", [PHOTO])
    await keys.erase("acme", "customer/C1")
    await keys.bind("acme", [C1, C2])
    assert await key_of(keys, PHOTO) is not None
    await keys.keys("acme", ["object/other"])
    await keys.bind("acme", [Binding("object/other", "customer/C1")])
    assert await key_of(keys, "object/other") is None
    assert await key_of(keys, PHOTO) is not None


async def test_erasing_somebody_leaves_what_is_not_bound_to_them(keys: KeyStore) -> None:
    await keys.keys("acme", [PHOTO, "object/loose", "customer/C2"])
    await keys.keys("zeta", [PHOTO])
    await keys.bind("acme", [C2])
    await keys.bind("zeta", [C1])
    await keys.erase("acme", "customer/C1")
    assert None not in (await keys.existing_keys("acme", [PHOTO, "object/loose"])).values()
    assert await key_of(keys, PHOTO, "zeta") is not None
    await keys.erase("acme", "customer/C2")
    assert await key_of(keys, "object/loose") is not None
    assert await key_of(keys, PHOTO, "zeta") is not None


async def test_an_object_that_was_erased_takes_nobody_with_it(keys: KeyStore) -> None:
    await keys.keys("acme", [PHOTO, "customer/C1"])
    await keys.bind("acme", [C1])
    await keys.erase("acme", PHOTO)
    await keys.bind("acme", [C2])
    assert await key_of(keys, PHOTO) is None
    assert await key_of(keys, "customer/C1") is not None


async def test_of_the_key_of_an_object_nothing_is_left_either(
    file_keys: FileKeyStore, file: Path
) -> None:
    await file_keys.keys("acme", [PHOTO])
    reader = sqlite3.connect(file)
    [wrapped] = reader.execute("SELECT wrapped_key FROM subject_keys").fetchone()
    reader.close()
    await file_keys.bind("acme", [C1])
    await file_keys.erase("acme", "customer/C1")
    assert not any(wrapped in each.read_bytes() for each in files_in(file.parent))


async def test_keys_lie_wrapped_and_readable_by_their_owner_alone(
    file_keys: FileKeyStore, file: Path
) -> None:
    made = await file_keys.keys("acme", ["customer/C1"])
    key = made["customer/C1"]
    assert key is not None
    for each in files_in(file.parent):
        assert key not in each.read_bytes()
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


async def test_very_many_subjects_have_keys_beyond_what_is_remembered(
    file_keys: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.file_key_store._KEYS_CACHED", 10)
    subjects = [f"customer/C{n}" for n in range(100)]
    made = dict(await file_keys.keys("acme", subjects))
    assert len(set(made.values())) == 100
    for start in range(0, 100, 7):
        part = subjects[start : start + 7]
        assert await file_keys.keys("acme", part) == {subject: made[subject] for subject in part}


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(each.stat().st_size for each in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_key_that_could_not_be_stored_seals_nothing(
    file_keys: FileKeyStore, file: Path
) -> None:
    subjects = [f"customer/C{n}" for n in range(20_000)]
    with full_disk(file.parent), pytest.raises(StoreAway):
        await file_keys.keys("acme", subjects)
    assert set((await file_keys.existing_keys("acme", subjects)).values()) == {None}
    made = await file_keys.keys("acme", subjects[:1])
    file_keys.close()
    again = FileKeyStore(file)
    assert await again.existing_keys("acme", subjects[:1]) == made
    again.close()
