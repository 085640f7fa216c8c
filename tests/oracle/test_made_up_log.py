"""The made-up log is what its generator writes, and holds everything that the rules speak of."""

import runpy
from collections import Counter
from pathlib import Path

import pytest

from tests.oracle.logs import CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import Reading, read, rows_of

GENERATOR = CHECKOUT / "examples" / "made_up" / "generate.py"


@pytest.fixture(scope="module")
def made_up() -> Reading:
    return read(rows_of(MADE_UP_LOG), MADE_UP)


def test_the_generator_reproduces_the_committed_log(tmp_path: Path) -> None:
    generator = runpy.run_path(str(GENERATOR))

    generator["write"](tmp_path / "log.csv", generator["log_rows"]())

    assert (tmp_path / "log.csv").read_bytes() == MADE_UP_LOG.read_bytes()


def test_the_log_is_as_large_as_promised(made_up: Reading) -> None:
    assert made_up.rows == 5193
    assert len(made_up.cases) == 395
    assert len({week for _, _, week in made_up.process_health()}) == 12


def test_deals_end_in_every_way(made_up: Reading) -> None:
    endings = Counter(case.standings[-1].status for case in made_up.cases)

    assert set(endings) == {"won", "lost:price", "lost:silent", "lost:rival", "open"}


def test_stages_change_in_every_direction(made_up: Reading) -> None:
    directions = Counter(change.direction for case in made_up.cases for change in case.changes)

    assert set(directions) == {"forward", "skip", "backward"}


def test_deals_stall_in_every_stage_and_some_still_do(made_up: Reading) -> None:
    stalls = made_up.stalls()

    assert {stall.stage for stall in stalls} == set(MADE_UP.stages)
    assert {stall.state for stall in stalls} == {"open", "resolved"}
    assert {stall.unit_id for stall in stalls} == {"sales", "team-0", "team-1", "team-2"}


def test_every_golden_action_is_sometimes_missed(made_up: Reading) -> None:
    for action, figure in made_up.golden_actions().items():
        if action[:2] == ("company", None):
            assert 0 < figure.done < figure.due


def test_some_rows_are_equal_and_some_come_after_the_closing(made_up: Reading) -> None:
    rows = rows_of(MADE_UP_LOG)
    counted = sum(len(case.standings) for case in made_up.cases)

    assert len(set(rows)) < len(rows)
    assert counted < len(rows)
    assert {row.resource for row in rows} > {"", "sys"}
