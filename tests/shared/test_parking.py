"""How much poison a subscription bears: ten streams always, then 1 % of them, never above 100."""

from pathlib import Path

import pytest

from shared.parking import is_too_much_poison
from shared.subscription import SubscriptionStopped
from tests.shared.installation import opened
from tests.shared.reading import catch_up, following, happen
from tests.shared.staff import NOWHERE, Join, Move


@pytest.mark.parametrize(
    ("parked", "streams", "too_much"),
    [
        (1, 1, False),
        (10, 10, False),
        (11, 11, True),
        (11, 1_099, True),
        (11, 1_100, False),
        (100, 9_999, True),
        (100, 10_000, False),
        (101, 1_000_000, True),
    ],
)
def test_a_hundredth_of_the_streams_is_borne_up_to_a_hundred(
    parked: int, streams: int, too_much: bool
) -> None:
    assert is_too_much_poison(parked, streams) is too_much


async def test_of_a_small_log_ten_bad_streams_are_borne_and_eleven_stop_it(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, *(Join(person_id=f"P{n}") for n in range(12)))
        moves = [Move(person_id=f"P{n}", unit_id=NOWHERE) for n in range(11)]
        await happen(ports, *moves[:10])
        await catch_up(subscription)
        await happen(ports, moves[10])
        with pytest.raises(SubscriptionStopped, match="11 streams are parked"):
            await catch_up(subscription)


async def test_bad_streams_of_a_large_log_are_borne_as_long_as_they_are_few(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        people = [Join(person_id=f"P{n}") for n in range(1_150)]
        await happen(ports, *people)
        bad = [Move(person_id=f"P{n}", unit_id=NOWHERE) for n in range(12)]
        await happen(ports, *bad[:11])
        await catch_up(subscription)
        assert len(await subscription.parked()) == 11
        await happen(ports, bad[11])
        with pytest.raises(SubscriptionStopped, match="12 streams are parked"):
            await catch_up(subscription)
