"""Rows written in bulk: the same by one statement as by COPY."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shared.bulk_writing import insert_missing_tuples, upsert_tuples
from shared.ports import Ports
from shared.read_store import PARKED_STREAMS
from tests.shared.installation import opened
from tests.shared.staff import headcount_model

FEW, MANY = 3, 1_200


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        await ports.read_store.create_tables([PARKED_STREAMS, headcount_model().points])
        yield ports


def parked(count: int, reason: str) -> list[tuple[str, str, str]]:
    return [("s", f"acme/person/P{number:04}", reason) for number in range(count)]


async def reasons(ports: Ports) -> dict[str, int]:
    async with ports.read_store.reading() as connection:
        reason = PARKED_STREAMS.c.reason
        found = await connection.execute(select(reason, func.count()).group_by(reason))
        return {each: int(count) for each, count in found}


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_rows_that_are_there_are_overwritten(ports: Ports, count: int) -> None:
    for reason in ("first", "second"):
        async with ports.read_store.transaction() as connection:
            await upsert_tuples(connection, PARKED_STREAMS, parked(count, reason))
    async with ports.read_store.transaction() as connection:
        await upsert_tuples(connection, PARKED_STREAMS, parked(1, "third"))
    assert await reasons(ports) == {"second": count - 1, "third": 1}


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_rows_that_are_there_are_left_alone(ports: Ports, count: int) -> None:
    for written, reason in ((count - 1, "first"), (count, "second")):
        async with ports.read_store.transaction() as connection:
            await insert_missing_tuples(connection, PARKED_STREAMS, parked(written, reason))
    assert await reasons(ports) == {"first": count - 1, "second": 1}


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_amounts_are_added_and_two_tables_fit_into_one_transaction(
    ports: Ports, count: int
) -> None:
    points = headcount_model().points
    for _ in range(2):
        async with ports.read_store.transaction() as connection:
            rows = [(number, 7, 0, 5) for number in range(count)]
            await upsert_tuples(connection, points, rows, add="amount")
            await upsert_tuples(connection, PARKED_STREAMS, parked(count, "first"))
    async with ports.read_store.reading() as connection:
        found = await connection.execute(select(func.count(), func.min(points.c.amount)))
        assert tuple(found.one()) == (count, 10)
    assert await reasons(ports) == {"first": count}
