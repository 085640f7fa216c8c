"""How a process tells itself of commits that its subscriptions have numbered."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_TOGETHER_SECONDS = 0.005


class NumberingNews:
    """`generation` grows once for what was numbered shortly after one another, and so does that
    of each log concerned."""

    def __init__(self) -> None:
        self.generation = 0
        self.of_log: Counter[str] = Counter()
        self._grown = asyncio.Event()
        self._committing = 0
        self._untold: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None

    def numbered(self, log: str) -> None:
        self._untold.add(log)
        if self._committing == 0 and self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(_TOGETHER_SECONDS, self._tell)

    @contextmanager
    def committing(self) -> Iterator[None]:
        """What is numbered meanwhile is told at the end: most of it is ours."""
        self._committing += 1
        try:
            yield
        finally:
            self._committing -= 1
            self._tell()

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        if self.generation > generation:
            return
        try:
            await asyncio.wait_for(self._grown.wait(), seconds)
        except TimeoutError:
            return

    def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    def _tell(self) -> None:
        self._telling = None
        if self._committing or not self._untold:
            return
        self.generation += 1
        self.of_log.update(self._untold)
        self._untold.clear()
        self._grown.set()
        self._grown = asyncio.Event()
