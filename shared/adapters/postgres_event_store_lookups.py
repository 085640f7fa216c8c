"""Remembered commands asked for together: who asks while a query runs shares the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from shared.event_store import Outcome

Key = tuple[str, str]
"""Tenant and command id."""
Found: TypeAlias = tuple[bytes, Outcome]
"""The digest and the first outcome."""


class CommandLookups:
    """`fetch` asks for many at once. A command that waits is never asked for by a query that was
    already under way when it came."""

    def __init__(self, fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Found]]]) -> None:
        self._fetch = fetch
        self._waiting: dict[Key, list[asyncio.Future[Found | None]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key: Key) -> Found | None:
        """Raises what `fetch` raises."""
        answer: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                await self._answer(asked)
        finally:
            self._asking = None

    async def _answer(self, asked: Mapping[Key, Sequence["asyncio.Future[Found | None]"]]) -> None:
        answers = [(key, each) for key, futures in asked.items() for each in futures]
        try:
            found = await self._fetch(list(asked))
        except Exception as failure:  # told to each who asked
            for _key, each in answers:
                if not each.done():
                    each.set_exception(failure)
            return
        except BaseException:
            for _key, each in answers:
                each.cancel()
            raise
        for key, each in answers:
            if not each.done():
                each.set_result(found.get(key))
