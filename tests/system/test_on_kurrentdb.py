"""The product's services on KurrentDB, its protocol in this process: the same answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.embedded import LOGS
from services.event_stores import open_event_store
from shared.adapters.kurrentdb_event_store import KurrentDbEventStore
from shared.settings import ScaledSettings
from shared.verification import verify
from tests.contracts.event_stores import NOW, an_append
from tests.servers.kurrentdb_in_process import KurrentDbServer
from tests.services.sales_floor import SalesFloor, code_of, sales_floor


@pytest.fixture
async def floor(
    tmp_path: Path, kurrentdb_in_process: KurrentDbServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SalesFloor]:
    monkeypatch.setattr(
        "services.embedded.SqliteEventStore",
        lambda _path, logs, clock, new_log_id: KurrentDbEventStore(
            kurrentdb_in_process.url, logs, clock, new_log_id, "pulsetrail"
        ),
    )
    async with sales_floor(tmp_path) as running:
        yield running


async def test_an_opportunity_is_opened_worked_and_won(floor: SalesFloor) -> None:
    await floor.open()
    await floor.told("/opportunities/O1/log-action", {"type": "call", "summary": "rang"}, "rep-1")
    await floor.told("/opportunities/O1/win", None)
    await floor.hosting.catch_up()
    assert (await floor.shown("/opportunities/O1", "rep-1"))["status"] == "won"
    assert await floor.events("opportunity/O1") == [
        "opportunity_opened",
        "action_logged",
        "opportunity_won",
    ]
    assert await verify(floor.hosting.ports.event_store, LOGS) == []


async def test_an_accepted_command_repeated_gives_its_first_answer_though_it_would_be_refused(
    floor: SalesFloor,
) -> None:
    opening = {"opportunity_id": "O1", "customer_id": "C1"}
    opened = await floor.post("/opportunities", opening, "rep-1", **{"Idempotency-Key": "k1"})
    won = await floor.post("/opportunities/O1/win", None, "rep-1", **{"Idempotency-Key": "k2"})
    again = await floor.post("/opportunities", opening, "rep-1", **{"Idempotency-Key": "k1"})
    won_again = await floor.post(
        "/opportunities/O1/win", None, "rep-1", **{"Idempotency-Key": "k2"}
    )
    assert (again.json(), won_again.json()) == (opened.json(), won.json())
    other = {"opportunity_id": "O1", "customer_id": "C2"}
    reused = await floor.post("/opportunities", other, "rep-1", **{"Idempotency-Key": "k1"})
    assert code_of(reused) == (409, "idempotency-key-reused")


async def test_it_does_so_also_where_the_opportunity_is_no_longer_theirs(
    floor: SalesFloor,
) -> None:
    await floor.open()
    path, forward = "/opportunities/O1/change-stage", {"stage": "needs_confirmed"}
    first = await floor.post(path, forward, "rep-1", **{"Idempotency-Key": "k1"})
    await floor.told("/opportunities/O1/assign", {"owner_id": "rep-2"})
    again = await floor.post(path, forward, "rep-1", **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (200, first.json())


async def test_a_read_waits_for_a_write_by_its_token(floor: SalesFloor) -> None:
    floor.hosting.start()
    opened = await floor.post("/opportunities", {"customer_id": "C1"}, "rep-1")
    token = {"Pulsetrail-Wait-For": opened.headers["Pulsetrail-Position"]}
    response = await floor.get("/boards/silence", "rep-1", **token)
    assert response.status_code == 200


async def test_the_address_names_the_store(kurrentdb_in_process: KurrentDbServer) -> None:
    settings = ScaledSettings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        event_store_url=kurrentdb_in_process.url,
    )
    assert settings.partitions == 1
    store = await open_event_store(settings, LOGS, lambda: NOW)
    assert isinstance(store, KurrentDbEventStore)
    await store.append([an_append("acme/opportunity/O1", 0, 1)])
    assert await store.heads("opportunities") == [1]
    await store.close()


def test_more_than_one_partition_is_refused_with_kurrentdb() -> None:
    with pytest.raises(ValueError, match="LOG_PARTITIONS: a log has one partition"):
        ScaledSettings(
            database_url="postgresql://nobody@127.0.0.1:1/none",
            event_store_url="kurrentdb://127.0.0.1:2113?tls=false",
            log_partitions=16,
        )
