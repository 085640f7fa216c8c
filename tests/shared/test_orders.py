"""Orders to workers: carried out by those that follow what is named; nonsense is left alone."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.orders import Order, Orders, What, written
from shared.ports import Ports
from shared.running import Unleased
from tests.shared.installation import opened
from tests.shared.reading import catch_up, following, happen, rows_of
from tests.shared.staff import Join, headcount_model


class Followed:
    def __init__(self, target: Any) -> None:
        self.target = target
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


class Lease(Unleased):
    def __init__(self, *, ours: bool = True) -> None:
        self.ours = ours
        self.given_back: list[str] = []

    async def is_ours(self, name: str) -> bool:
        return self.ours

    async def give_back(self, name: str) -> None:
        self.given_back.append(name)


@dataclass
class Worker:
    ports: Ports
    lease: Lease = field(default_factory=Lease)

    def __post_init__(self) -> None:
        self.subscriptions = [Followed(headcount_model())]


def order(what: What, subscription: str = "staff.headcount") -> bytes:
    return written(Order(what=what, subscription=subscription))


async def test_a_pause_lasts_until_it_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as ports:
        worker = Worker(ports)
        orders = Orders(worker)  # type: ignore[arg-type]  # the part of it that orders use
        [followed] = worker.subscriptions
        await orders.obey(order(What.PAUSE, "staff.moves"))
        assert not followed.is_paused
        await orders.obey(order(What.PAUSE))
        assert followed.is_paused
        await orders.obey(b"not an order")
        await orders.obey(order(What.RESUME))
        assert not followed.is_paused


@pytest.mark.parametrize("ours", [True, False])
async def test_one_of_those_that_hear_it_rebuilds(tmp_path: Path, ours: bool) -> None:
    async with opened(tmp_path) as ports:
        model = headcount_model()
        follower = await following(ports)
        await happen(ports, Join(person_id="P1"))
        await catch_up(follower)
        async with ports.read_store.transaction() as connection:
            await connection.execute(model.rows.delete())
        worker = Worker(ports, Lease(ours=ours))
        orders = Orders(worker)  # type: ignore[arg-type]  # the part of it that orders use
        await orders.obey(order(What.REBUILD))
        for _ in range(200):
            if worker.lease.given_back:
                break
            await asyncio.sleep(0.01)
        assert worker.lease.given_back == ["rebuild staff.headcount"]
        assert len(await rows_of(ports, model.rows)) == (1 if ours else 0)
