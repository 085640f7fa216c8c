"""/metrics: every figure described, every description shown, labels without personal data."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.exposition import exposition
from shared.service import Gauge
from shared.telemetry import DESCRIBED, Described, Distribution, Kind
from tests.receivers.receiver import Behaviour, receiving
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.test_deliveries import WEBHOOK, with_hook

OF_THE_RELAY = {name for name in DESCRIBED if name.startswith("pulsetrail_relay")}
LINE = re.compile(r'(\w+)(?:\{((?:\w+="[^"]*",?)*)\})? (\S+)')


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


async def figures(alarm: AlarmFloor) -> dict[tuple[str, str], float]:
    """By name and labels."""
    text = (await alarm.floor.http.get("/metrics")).text
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
            found[name, labels or ""] = float(value)
    return found


async def test_every_figure_is_described_and_every_description_is_shown(alarm: AlarmFloor) -> None:
    async with receiving(WEBHOOK) as hook:
        await with_hook(alarm, hook)
        hook.then(*[Behaviour.REFUSE] * 4)
        await alarm.floor.open("O1", owner_id="rep-1")
        await alarm.settle()
        for _ in range(8):
            await alarm.settle(after=timedelta(hours=12))
    shown: dict[str, set[str]] = {}
    for name, labels in await figures(alarm):
        family = re.sub("_(bucket|count|sum)$", "", name)
        of_label = set(re.findall(r'(\w+)="', labels)) - {"le"}
        shown.setdefault(family, set()).update(of_label)
    assert shown == {
        name: set(described.labels)
        for name, described in DESCRIBED.items()
        if name not in OF_THE_RELAY
    }


async def test_commands_batches_and_appends_are_counted(alarm: AlarmFloor) -> None:
    done = ("pulsetrail_command_seconds_count", 'log="opportunities",outcome="done"')
    refused = (done[0], 'log="opportunities",outcome="refused"')
    appends = ("pulsetrail_append_seconds_count", 'log="opportunities"')
    name = "projections.opportunity_process.v1"
    batches = ("pulsetrail_subscription_batch_events_sum", f'subscription="{name}"')
    applied = (
        "pulsetrail_subscription_events_total",
        f'outcome="applied",subscription="{name}"',
    )
    before = await figures(alarm)
    await alarm.floor.open("O1", owner_id="rep-1")
    action = {"type": "call", "summary": "x"}
    late = await alarm.floor.post("/opportunities/O1/log-action", action, "rep-1", If_Match='"99"')
    assert late.status_code == 412
    await alarm.settle()
    after = await figures(alarm)

    def more(key: tuple[str, str]) -> float:
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert more(done) == 1
    assert more(appends) == 1
    assert more(batches) == more(applied) >= 1
    assert more(refused) == 1


async def test_lateness_is_counted_from_the_moment_it_was_due(alarm: AlarmFloor) -> None:
    key = ("pulsetrail_deadline_lateness_seconds_sum", 'rule="stalled"')
    await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.settle()
    before = (await figures(alarm)).get(key, 0.0)
    await alarm.settle(after=timedelta(days=10))
    [signal] = (await alarm.floor.shown("/signals?rule=stalled"))["rows"]
    late = (await figures(alarm))[key] - before
    assert 0 < late < timedelta(days=10).total_seconds()
    assert signal["due_at"] < alarm.now.isoformat()


async def test_what_is_not_described_is_not_shown() -> None:
    with pytest.raises(KeyError):
        exposition([Gauge("pulsetrail_unheard_of", {}, 1)])


def test_a_value_at_a_bound_belongs_to_its_bucket() -> None:
    described = Described("pulsetrail_example", Kind.HISTOGRAM, ("log",), "seconds", "An example.")
    distribution = Distribution(described, (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 3.0):
        distribution.record(value, "leads")
    [counted] = distribution.counted()
    assert (counted.labels, counted.buckets, counted.total) == (("leads",), [2, 2, 1], 8.0)
