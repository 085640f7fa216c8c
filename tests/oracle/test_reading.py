"""The oracle gives the figures quoted for the bank log, where that log is at hand."""

from collections import Counter

import pytest

from tests.oracle.logs import BANK, BANK_IS_AWAY, BANK_LOG
from tests.oracle.reading import Golden, Health, HealthKey, Reading, read, rows_of

Quoted = tuple[HealthKey, tuple[int, int, int], float]

QUOTED_HEALTH: list[Quoted] = [
    (("loans", None, "2011-W40"), (375, 341, 1), 99.9581),
    (("loans", None, "2011-W45"), (584, 761, 94), 98.2354),
    (("loans", None, "2012-W05"), (499, 843, 104), 98.2376),
    (("team-1", None, "2011-W45"), (243, 371, 49), 98.1132),
]


@pytest.fixture(scope="module")
def bank() -> Reading:
    if not BANK_LOG.exists():
        pytest.skip(BANK_IS_AWAY)
    return read(rows_of(BANK_LOG), BANK)


@pytest.fixture(scope="module")
def health(bank: Reading) -> dict[HealthKey, Health]:
    return bank.process_health()


def test_every_row_of_the_bank_log_is_read(bank: Reading) -> None:
    assert bank.rows == 199_668


def test_opportunities_end_as_quoted(bank: Reading) -> None:
    endings = Counter(case.standings[-1].status for case in bank.cases)

    assert endings == {"won": 1601, "lost:declined": 6022, "lost:cancelled": 2003, "open": 843}
    assert len(bank.cases) == 10_469


def test_stages_change_as_often_as_quoted(bank: Reading) -> None:
    directions = Counter(change.direction for case in bank.cases for change in case.changes)

    assert directions == {"forward": 20_381, "backward": 241}


def test_opportunities_stall_as_often_as_quoted(bank: Reading) -> None:
    stages = Counter(stall.stage for stall in bank.stalls())

    assert stages == {"offer_sent": 2881, "preaccepted": 482, "offer_returned": 37, "accepted": 5}
    assert stages.total() == 3405


def test_the_silence_board_holds_as_many_as_quoted(bank: Reading) -> None:
    board = bank.silence()

    assert len(board) == 843
    assert sum(row.hours_left < 0 for row in board) == 104


@pytest.mark.parametrize(("key", "counts", "index"), QUOTED_HEALTH)
def test_process_health_is_as_quoted(
    health: dict[HealthKey, Health],
    key: HealthKey,
    counts: tuple[int, int, int],
    index: float,
) -> None:
    figure = health[key]

    assert (figure.moved, figure.open, figure.overrun) == counts
    assert figure.skipped == 0
    assert figure.index == pytest.approx(index, abs=0.00005)


def test_golden_actions_are_as_quoted(bank: Reading) -> None:
    golden = bank.golden_actions()
    called = "W_Completeren aanvraag START"
    followed_up = "W_Nabellen offertes START"

    assert golden["loans", None, "preaccepted", called] == Golden(due=4053, done=4053)
    assert golden["loans", None, "offer_sent", followed_up] == Golden(due=2580, done=2367)
    assert golden["team-0", None, "preaccepted", called] == Golden(due=715, done=715)
    assert golden["team-1", None, "offer_sent", followed_up] == Golden(due=1175, done=1067)
