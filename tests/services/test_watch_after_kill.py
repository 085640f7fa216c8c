"""A watch that was cut short after it wrote signals, before it remembered them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.projections.watch import opportunities as watch
from tests.services.sales_floor import SalesFloor, sales_floor


class CutShort(Exception):
    pass


async def _cut_short(*_arguments: Any, **_named: Any) -> None:
    raise CutShort


async def look_and_be_killed(floor: SalesFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(watch, "_remember", _cut_short)
        with pytest.raises(CutShort):
            await floor.hosting.catch_up()


async def stalled(floor: SalesFloor) -> list[str]:
    rows = (await floor.shown("/signals?rule=stalled"))["rows"]
    return [row["state"] for row in rows]


async def test_a_resolution_whose_cause_was_voided_meanwhile_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sales_floor(tmp_path) as floor:
        await floor.open("O1")
        floor.clock.move_to(floor.clock() + timedelta(hours=49))
        await floor.hosting.catch_up()
        assert await stalled(floor) == ["open"]
        await floor.told("/opportunities/O1/log-action", {"type": "call", "action_id": "A1"})
        floor.clock.move_to(floor.clock() + timedelta(seconds=1))
        await look_and_be_killed(floor, monkeypatch)
        await floor.told("/opportunities/O1/void-action", {"action_id": "A1"})
        await floor.hosting.catch_up()
        assert await stalled(floor) == ["open"]


async def test_a_signal_that_a_late_action_disproved_meanwhile_is_retracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sales_floor(tmp_path) as floor:
        await floor.open("O1")
        in_time = floor.clock() + timedelta(hours=1)
        floor.clock.move_to(floor.clock() + timedelta(hours=48, seconds=1))
        await look_and_be_killed(floor, monkeypatch)
        late = {"type": "call", "occurred_at": in_time.isoformat()}
        await floor.told("/opportunities/O1/log-action", late)
        await floor.hosting.catch_up()
        assert await stalled(floor) == []
