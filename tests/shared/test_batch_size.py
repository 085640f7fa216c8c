"""How many events are taken together: more while there is a backlog, fewer where it takes long."""

from shared.batch_size import AT_LEAST, AT_MOST, BatchSize
from shared.envelope import RecordedEvent
from shared.intake import Batch
from tests.shared.test_kafka_messages import EVENT


def arrived(events: int) -> list[Batch]:
    return [Batch(0, [RecordedEvent(None, EVENT)] * events)]


def test_a_batch_that_was_quick_makes_the_next_larger_up_to_a_bound() -> None:
    size = BatchSize()
    before = size.at_once
    size.took(0.2)
    assert size.at_once == 2 * before
    for _ in range(10):
        size.took(0.2)
    assert size.at_once == AT_MOST


def test_a_batch_that_was_slow_makes_the_next_smaller_down_to_a_bound() -> None:
    size = BatchSize()
    before = size.at_once
    size.took(4.0)
    assert size.at_once == before // 2
    for _ in range(10):
        size.took(4.0)
    assert size.at_once == AT_LEAST


def test_a_batch_that_was_neither_leaves_it() -> None:
    size = BatchSize()
    before = size.at_once
    size.took(2.0)
    assert size.at_once == before


def test_few_events_are_never_made_to_wait_for_more() -> None:
    size = BatchSize()
    assert not size.is_worth_waiting(arrived(10), behind=10, is_writing=True)
    assert not size.is_worth_waiting(arrived(10), behind=size.at_once - 1, is_writing=False)


def test_while_a_batch_is_written_the_next_one_grows() -> None:
    size = BatchSize()
    assert size.is_worth_waiting(arrived(10), behind=5_000, is_writing=True)


def test_of_a_backlog_whole_batches_are_taken() -> None:
    size = BatchSize()
    assert size.is_worth_waiting(arrived(10), behind=size.at_once, is_writing=False)
    assert not size.is_worth_waiting(arrived(size.at_once), behind=500_000, is_writing=True)


def test_what_arrived_is_divided_without_a_small_rest() -> None:
    size = BatchSize()
    half, whole, few = arrived(size.at_once // 2), arrived(size.at_once), arrived(100)
    assert list(size.parts([*half, *half, *few])) == [[*half, *half, *few]]
    assert list(size.parts([*whole, *half])) == [whole, half]
    assert list(size.parts([])) == []
