"""What every key store promises (shared/key_store.py)."""

import resource
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.adapters.file_key_store import FileKeyStore
from shared.errors import StoreAway


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
async def keys(file: Path) -> AsyncIterator[FileKeyStore]:
    store = FileKeyStore(file)
    yield store
    store.close()


async def test_a_subject_gets_one_key_of_32_bytes_for_good(keys: FileKeyStore) -> None:
    first = await keys.keys("acme", ["customer/C1", "customer/C2"])
    again = await keys.keys("acme", ["customer/C2", "customer/C1"])
    assert first == again
    made = [key for key in first.values() if key is not None]
    assert [len(key) for key in made] == [32, 32]
    assert len(set(made)) == 2


async def test_the_same_subject_of_another_tenant_has_another_key(keys: FileKeyStore) -> None:
    ours = await keys.keys("acme", ["customer/C1"])
    theirs = await keys.keys("zeta", ["customer/C1"])
    assert ours["customer/C1"] != theirs["customer/C1"]


async def test_asking_for_existing_keys_makes_none(keys: FileKeyStore) -> None:
    assert await keys.existing_keys("acme", ["customer/C1"]) == {"customer/C1": None}
    made = await keys.keys("acme", ["customer/C1"])
    assert await keys.existing_keys("acme", ["customer/C1"]) == made


async def test_keys_are_there_after_opening_again(keys: FileKeyStore, file: Path) -> None:
    made = await keys.keys("acme", ["customer/C1"])
    keys.close()
    again = FileKeyStore(file)
    assert await again.existing_keys("acme", ["customer/C1"]) == made
    again.close()


async def test_an_erased_subject_never_has_a_key_again(keys: FileKeyStore, file: Path) -> None:
    await keys.keys("acme", ["customer/C1", "customer/C2"])
    await keys.erase("acme", "customer/C1")
    await keys.erase("acme", "customer/C1")
    assert (await keys.keys("acme", ["customer/C1"]))["customer/C1"] is None
    assert (await keys.existing_keys("acme", ["customer/C1"]))["customer/C1"] is None
    assert (await keys.keys("acme", ["customer/C2"]))["customer/C2"] is not None
    again = FileKeyStore(file)
    assert (await again.keys("acme", ["customer/C1"]))["customer/C1"] is None
    again.close()


async def test_a_subject_may_be_erased_before_it_is_heard_of(keys: FileKeyStore) -> None:
    await keys.erase("acme", "customer/C1")
    assert (await keys.keys("acme", ["customer/C1"]))["customer/C1"] is None


async def test_of_an_erased_key_nothing_is_left_in_the_folder(
    keys: FileKeyStore, file: Path
) -> None:
    await keys.keys("acme", ["customer/C1"])
    reader = sqlite3.connect(file)
    [wrapped] = reader.execute("SELECT wrapped_key FROM subject_keys").fetchone()
    reader.close()
    await keys.erase("acme", "customer/C1")
    assert not any(wrapped in each.read_bytes() for each in files_in(file.parent))


def files_in(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_file()]


async def test_keys_lie_wrapped_and_readable_by_their_owner_alone(
    keys: FileKeyStore, file: Path
) -> None:
    made = await keys.keys("acme", ["customer/C1"])
    key = made["customer/C1"]
    assert key is not None
    for each in files_in(file.parent):
        assert key not in each.read_bytes()
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


async def test_very_many_subjects_have_keys_beyond_what_is_remembered(
    keys: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.file_key_store._KEYS_CACHED", 10)
    subjects = [f"customer/C{n}" for n in range(100)]
    made = dict(await keys.keys("acme", subjects))
    assert len(set(made.values())) == 100
    for start in range(0, 100, 7):
        part = subjects[start : start + 7]
        assert await keys.keys("acme", part) == {subject: made[subject] for subject in part}


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(each.stat().st_size for each in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_key_that_could_not_be_stored_seals_nothing(keys: FileKeyStore, file: Path) -> None:
    subjects = [f"customer/C{n}" for n in range(20_000)]
    with full_disk(file.parent), pytest.raises(StoreAway):
        await keys.keys("acme", subjects)
    assert set((await keys.existing_keys("acme", subjects)).values()) == {None}
    made = await keys.keys("acme", subjects[:1])
    keys.close()
    again = FileKeyStore(file)
    assert await again.existing_keys("acme", subjects[:1]) == made
    again.close()
