"""What many want to know at the same time, asked for together: who asks while queries run shares
the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lookups(Generic[K, V]):
    """`fetch` asks for many at once, for `queries` such lots at the same time. What somebody waits
    for is never asked for by a query that was already under way when they came."""

    def __init__(
        self, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, queries: int = 1
    ) -> None:
        self._fetch = fetch
        self._queries = queries
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def find(self, key: K) -> V | None:
        """Raises what `fetch` raises."""
        return await self._asked(key)

    async def find_all(self, keys: Sequence[K]) -> dict[K, V | None]:
        """Raises what `fetch` raises."""
        answers = await asyncio.gather(*map(self._asked, keys))
        return dict(zip(keys, answers, strict=True))

    def _asked(self, key: K) -> "asyncio.Future[V | None]":
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if len(self._asking) < self._queries:
            # It begins in the next round of the loop: who else asks in this one comes along.
            self._asking.add(asyncio.create_task(self._ask()))
        return answer

    async def _ask(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                await self._answer(asked)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._asking.discard(task)

    async def _answer(self, asked: Mapping[K, Sequence["asyncio.Future[V | None]"]]) -> None:
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
