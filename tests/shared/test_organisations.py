"""The organisation as a process knows it: folded from the directory's log, and only then again."""

from pathlib import Path
from typing import Any

from shared.organisations import Organisations
from tests.shared.installation import context, opened
from tests.shared.staff import STAFF, Join


class CountsReads:
    def __init__(self, store: Any) -> None:
        self._store = store
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read_log(self, *arguments: Any, **named: Any) -> Any:
        self.reads += 1
        return await self._store.read_log(*arguments, **named)


async def test_it_is_read_again_only_when_the_directory_has_grown(tmp_path: Path) -> None:
    async with opened(tmp_path) as ports:
        store: Any = CountsReads(ports.event_store)
        organisations = Organisations(store, ports.codec)
        await organisations.catch_up()
        before = store.reads
        await ports.commands("leads").handle(STAFF, "P1", Join(person_id="P1"), context())
        await organisations.catch_up()
        assert store.reads == before
        await ports.commands("directory").handle(STAFF, "P2", Join(person_id="P2"), context())
        await organisations.catch_up()
        assert store.reads > before
