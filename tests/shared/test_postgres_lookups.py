"""Look-ups that are asked for together: who shares a query, and what each is told."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.adapters.postgres_lookups import Lookups


class Server:
    """Answers when told to: each key in capitals, unless it is unknown."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answers = asyncio.Event()
        self.failure: Exception | None = None

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(list(keys))
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return {key: key.upper() for key in keys if key != "unknown"}


@pytest.fixture
def server() -> Server:
    return Server()


async def test_who_asks_at_the_same_time_shares_a_query(server: Server) -> None:
    lookups = Lookups(server.fetch)
    server.answers.set()
    found = await asyncio.gather(*(lookups.find(key) for key in ("a", "b", "a", "unknown")))
    assert found == ["A", "B", "A", None]
    assert server.asked == [["a", "b", "unknown"]]
    assert await lookups.find_all(["b", "c"]) == {"b": "B", "c": "C"}
    assert server.asked[1:] == [["b", "c"]]


async def test_who_comes_while_a_query_runs_is_asked_for_by_the_next(server: Server) -> None:
    lookups = Lookups(server.fetch)
    first = asyncio.create_task(lookups.find("a"))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(lookups.find(key)) for key in ("a", "b")]
    await asyncio.sleep(0.01)
    assert server.asked == [["a"]]
    server.answers.set()
    assert await asyncio.gather(first, *later) == ["A", "A", "B"]
    assert server.asked == [["a"], ["a", "b"]]


async def test_as_many_queries_run_at_the_same_time_as_allowed(server: Server) -> None:
    lookups = Lookups(server.fetch, queries=2)
    waiting = []
    for key in ("a", "b", "c"):
        waiting.append(asyncio.create_task(lookups.find(key)))
        await asyncio.sleep(0.01)
    assert server.asked == [["a"], ["b"]]
    server.answers.set()
    assert await asyncio.gather(*waiting) == ["A", "B", "C"]


async def test_a_failure_is_told_to_each_and_the_next_is_asked_anew(server: Server) -> None:
    lookups = Lookups(server.fetch)
    server.failure = ConnectionError("away")
    server.answers.set()
    told = await asyncio.gather(lookups.find("a"), lookups.find("b"), return_exceptions=True)
    assert [str(each) for each in told] == ["away", "away"]
    server.failure = None
    assert await lookups.find("a") == "A"


async def test_who_gives_up_waiting_does_not_take_the_others_along(server: Server) -> None:
    lookups = Lookups(server.fetch)
    impatient = asyncio.create_task(lookups.find("a"))
    patient = asyncio.create_task(lookups.find("a"))
    await asyncio.sleep(0.01)
    impatient.cancel()
    server.answers.set()
    assert await patient == "A"
