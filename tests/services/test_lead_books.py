"""A unit's book holds what the leads' own streams say, whoever writes it late (L5)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.leads.domain.allocation import AllocationRules, RepSituation, UnitSituation
from services.leads.domain.allocation_book import ALLOCATION_BOOK, AllocateLead
from services.leads.keeping_books import reactions
from shared.event_store import EventStore
from shared.ports import Ports
from tests.services.logs import events_of
from tests.services.sales_floor import NOW, SalesFloor
from tests.services.test_allocating import MORNING, capture, owners, two_reps_on_duty

HOUR = timedelta(hours=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with two_reps_on_duty(tmp_path) as running:
        yield running


class Paused:
    """The store of one who is stopped just after they read leads, and goes on once `meanwhile` is
    over."""

    def __init__(self, store: EventStore, *meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._meanwhile = list(meanwhile)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read_streams(self, streams: Any) -> Any:
        found = await self._store.read_streams(streams)
        if self._meanwhile:
            await self._meanwhile.pop(0)()
        return found


async def keep_books(ports: Ports) -> None:
    """All that has happened, given to whoever keeps books again."""
    told = await events_of(ports, "leads")
    for reaction in reactions(ports):
        assert await reaction.take(told) == []


async def held(floor: SalesFloor, unit_id: str = "team-1") -> tuple[dict[str, int], str | None]:
    """How many leads each has, and who has L1."""
    commands = floor.hosting.ports.commands("leads")
    stream = f"T1/allocation_book/{unit_id}"
    _version, book = await commands.load(ALLOCATION_BOOK, stream, fresh=True)
    open_leads = {rep: number for rep, number in book.open_leads.items() if number}
    return open_leads, book.holders.get("L1")


async def test_who_wrote_down_what_was_so_before_they_were_stopped_puts_it_right(
    floor: SalesFloor,
) -> None:
    """They read that rep-3 has the lead; before they write it down it is returned, and another has
    found nothing to let go of."""

    async def returned() -> None:
        await floor.told("/leads/L1/return", {}, "boss-1")
        await floor.hosting.catch_up()

    await capture(floor, 1)
    await floor.told("/leads/L1/assign", {"owner_id": "rep-3"}, "boss-1")
    ports = floor.hosting.ports
    await keep_books(replace(ports, event_store=Paused(ports.event_store, returned)))
    assert await held(floor) == ({}, None)
    await floor.told("/leads/L1/release", {}, "boss-1")
    assert await owners(floor) == ["rep-1"]


async def test_who_let_go_of_what_somebody_has_by_now_notes_them_again(floor: SalesFloor) -> None:
    async def given_back_to_sales() -> None:
        await floor.told("/leads/L1/release", {}, "boss-1")
        await floor.told("/leads/L1/assign", {"owner_id": "rep-3"}, "boss-1")
        await floor.hosting.catch_up()

    await capture(floor, 1, owner_id="rep-3")
    await floor.hosting.catch_up()
    await floor.told("/leads/L1/return", {}, "boss-1")
    ports = floor.hosting.ports
    await keep_books(replace(ports, event_store=Paused(ports.event_store, given_back_to_sales)))
    assert await held(floor) == ({"rep-3": 1}, "rep-3")


@pytest.mark.parametrize("order", ["disqualify", "convert"])
async def test_what_is_allocated_to_somebody_who_closed_it_counts_against_nobody(
    floor: SalesFloor, order: str
) -> None:
    """The allocator's rows were behind: rep-1 had it by hand, and was done with it."""
    await capture(floor, 1, owner_id="rep-1")
    body = {"reason": "no-need"} if order == "disqualify" else {"opportunity_id": "O1"}
    await floor.told(f"/leads/L1/{order}", body, "boss-1")
    await floor.hosting.catch_up()
    rep = RepSituation(rep_id="rep-1", joined_at=NOW, seen_at=None, on_duty=True)
    rules = AllocationRules(
        high_value_score=80, seen_for=HOUR, cap=30, newcomer_for=timedelta(days=14)
    )
    allocate = AllocateLead(
        lead_id="L1",
        unit_id="team-1",
        round=1,
        score=60,
        reps=(rep,),
        rules=rules,
        unit=UnitSituation(),
        day=MORNING.date(),
        now=MORNING,
    )
    await floor.handle("leads", ALLOCATION_BOOK, "team-1", allocate)
    assert await held(floor) == ({"rep-1": 1}, "rep-1")
    await floor.hosting.catch_up()
    assert await held(floor) == ({}, None)
