"""Columns kept apart from the rows: written with them, joined by the database in one order."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.projections.domain.course_marks import course_of
from services.projections.domain.funnel import Node
from services.projections.domain.process_health import Scope
from services.projections.queries.asking import Asker, Question
from services.projections.queries.funnel_courses import Asked, Cell, count_funnel
from services.projections.queries.read_models import PROCESSES
from shared.bulk_writing import upsert_tuples
from shared.organisation import Organisation, UnitOfTree
from shared.ports import Ports
from tests.domain.process_examples import Story
from tests.shared.installation import opened

NODES = (Node("opportunity_opened"), Node("stage_changed", "second"))


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


async def test_a_funnel_is_counted_from_the_courses_of_all_in_any_database(ports: Ports) -> None:
    stories = {"O1": Story().moves(5, "second"), "O2": Story(), "O3": Story().is_lost(2)}
    await ports.read_store.create_tables(PROCESSES.tables)
    async with ports.read_store.transaction() as connection:
        rows = [("T1", key, 0, None, course_of(each.row())) for key, each in stories.items()]
        await upsert_tuples(connection, PROCESSES.narrow, rows)
    asker = Asker(
        tenant_id="T1",
        caller=None,
        organisation=Organisation(
            tenant_id="T1",
            root_id="company",
            units={"company": UnitOfTree(name="all", kind="headquarters", parent_id=None)},
        ),
        clock=datetime(2026, 4, 1, tzinfo=UTC),
    )

    question = Question(unit_id="company")
    counted = await count_funnel(
        ports.read_store, asker, question, Asked(NODES, None), (), with_keys=True
    )

    whole, _ = counted.behind(Cell(Scope("company", "")), 10, ("reached", "pending", "dropped"))
    assert whole.listed == {"reached": ["O1"], "pending": [], "dropped": ["O2", "O3"]}
