"""The way of one silence through every process, on real Kafka and PostgreSQL, with kills."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from services.cli.exit_codes import REFUSED
from services.embedded import LOGS
from shared.adapters.postgres_event_store import open_postgres_event_store
from shared.clock import wall_clock
from shared.events.leads import LeadAllocated
from tests.oracle.leads import flaws, told_by
from tests.oracle.live import as_recorded
from tests.receivers.collector import Collector, collector
from tests.system.chaos.faults import poisoned_stream
from tests.system.lead_load import office_that_never_closes
from tests.system.scaled import PARTS, ScaledSystem, scaled_system

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(600)]

TRACE = "0af7651916cd43dd8448eb211c80319c"
WAY_OF_THE_TRACE = {
    ("pulsetrail-api", "POST"),
    ("pulsetrail-api", "append opportunities"),
    ("pulsetrail-relay", "relay opportunities"),
    ("pulsetrail-worker", "take projections.opportunity_process.v1"),
    ("pulsetrail-watch", "append projections"),
    ("pulsetrail-relay", "relay projections"),
    ("pulsetrail-worker", "take notifications.escalating.v1"),
    ("pulsetrail-worker", "append notifications"),
    ("pulsetrail-worker", "deliver"),
}
"""From the client's post to the delivery, by process."""
PARTITIONS = 4
LIMIT = timedelta(hours=48)
"""Of the pipeline `standard`."""
POLICY = {
    "name": "at-once",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["inbox"]}],
    "group_seconds": 0,
    "quiet_hours": None,
}


class Keys(NamedTuple):
    """Of a manager of the whole company, and of a rep who is there at any hour."""

    boss: str
    rep: str


async def hired(system: ScaledSystem) -> Keys:
    administrator = await system.first_key()
    for path, body in office_that_never_closes():
        await system.told(path, body, administrator)
    person = {"person_id": "boss", "name": "Wang Fang", "unit_id": "company"}
    await system.told("/people", person, administrator)
    grant = {"role": "director", "unit_id": "company"}
    await system.told("/people/boss/give-grant", grant, administrator)
    await system.told("/policies", POLICY, administrator)
    await system.told("/people", {"person_id": "rep", "unit_id": "company"}, administrator)
    found = [
        (await system.told("/keys", {**each, "unit_id": "company"}, administrator))["key"]
        for each in (
            {"role": "director", "person_id": "boss"},
            {"role": "rep", "person_id": "rep"},
        )
    ]
    return Keys(*found)


async def opened(
    system: ScaledSystem, key: str, number: int, due_in: timedelta, **headers: str
) -> dict[str, Any]:
    occurred_at = datetime.now(UTC) - LIMIT + due_in
    body = {
        "opportunity_id": f"O{number}",
        "customer_id": "C1",
        "owner_id": "boss",
        "occurred_at": occurred_at.isoformat(),
    }
    return await system.told("/opportunities", body, key, **headers)


def subjects(answer: Any, rule: str | None = None) -> list[str]:
    rows = answer["rows"]
    return sorted(row["subject_id"] for row in rows if rule is None or row["rule"] == rule)


async def test_a_silence_is_signalled_and_escalated_once_though_processes_are_killed(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    with collector() as seen:
        async with scaled_system(tmp_path, database, kafka, topic_prefix, PARTITIONS) as system:
            system.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = seen.address
            for part in PARTS:
                system.add(part)
            await system.ready()
            keys = await hired(system)
            await _through_all_processes(system, keys.boss)
            await _way_is_told(seen)
            await _leads_reach_who_is_there(system, keys, database)
            await _poison_is_parked_until_somebody_answers_for_it(system, database)
            for part in reversed(PARTS):
                assert await system.parts[part].stop() == 0, system.parts[part].words[-3000:]


async def _way_is_told(seen: Collector) -> None:
    """Whoever is killed tells nothing more of what it did in the last seconds."""
    ends = monotonic() + 30
    while True:
        told = {(span.service, span.name) for span in seen.spans if span.trace_id == TRACE}
        if told >= WAY_OF_THE_TRACE:
            return
        assert monotonic() < ends, WAY_OF_THE_TRACE - told
        await asyncio.sleep(0.1)


async def _leads_reach_who_is_there(system: ScaledSystem, keys: Keys, database: str) -> None:
    """Captured while the processes that follow and allocate are killed: given once, and shown; the
    good ones by the goal of the month, which another service's log tells of."""
    month = f"{datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m}"
    goal = {"person_id": "rep", "metric": "valid_leads", "target": 4}
    told_goal = await system.told(f"/goals/{month}/set", goal, keys.boss)
    await system.told("/presence", {"on_duty": True}, keys.rep)
    wanted = [f"L{number}" for number in range(8)]
    for lead_id in wanted[:4]:
        await _captured(system, keys.boss, lead_id)
    await system.shown("/boards/leads", keys.rep, told_goal["position"])
    for part in ("worker", "watch"):
        system.parts[part].kill()
    for lead_id in wanted[4:]:
        await _captured(system, keys.boss, lead_id, behaviours=["demo_booked", "hot_word"])
    for part in ("worker", "watch"):
        system.parts[part].start()
    await system.eventually("/boards/leads", keys.rep, lambda answer: _owned(answer) == wanted)
    board = await system.shown("/boards/allocation", keys.boss)
    assert [(row["rep_id"], row["assigned"]) for row in board["rows"]] == [("rep", len(wanted))]
    store = await open_postgres_event_store(database, LOGS, wall_clock, PARTITIONS)
    told = [
        as_recorded(each)
        for partition in range(PARTITIONS)
        for each in await store.read_log("leads", partition, 0, 1_000)
    ]
    await store.close()
    events = told_by(told)
    assert flaws(events) == []
    weighed = [each.event for each in events if isinstance(each.event, LeadAllocated)]
    good = [each for each in weighed if each.track == "high_value"]
    assert [set(each.attainments) for each in good] == [{"rep"}] * 4


async def _captured(system: ScaledSystem, key: str, lead_id: str, **more: Any) -> None:
    body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "source": "referral", **more}
    await system.told("/leads", body, key)


def _owned(answer: Any) -> list[str]:
    return sorted(row["lead_id"] for row in answer["rows"] if row["owner_id"] == "rep")


async def _through_all_processes(system: ScaledSystem, key: str) -> None:
    first = await opened(system, key, 1, timedelta(hours=1))
    board = await system.shown("/boards/silence", key, first["position"])
    assert [row["opportunity_id"] for row in board["rows"]] == ["O1"]

    for number in range(2, 12):
        await opened(system, key, number, timedelta(seconds=25))
    system.parts["worker"].kill()
    for number in range(12, 22):
        await opened(system, key, number, timedelta(seconds=20))
    system.parts["relay"].kill()
    system.parts["watch"].kill()
    for part in ("relay", "worker", "watch"):
        system.parts[part].start()

    silent = sorted(f"O{number}" for number in range(2, 22))
    await system.eventually(
        "/escalations?limit=500", key, lambda answer: set(silent) <= set(subjects(answer))
    )
    signals = await system.shown("/signals?rule=stalled&limit=500", key)
    assert subjects(signals) == silent
    escalations = await system.eventually(
        "/escalations?limit=500", key, lambda answer: subjects(answer, "stalled") == silent
    )
    assert len({row["escalation_id"] for row in escalations["rows"]}) == len(
        {(row["rule"], row["subject_id"]) for row in escalations["rows"]}
    )
    board = await system.shown("/boards/silence?limit=100", key)
    assert board["total"] == 21

    await system.eventually("/inbox", key, lambda answer: answer["rows"])

    system.command("order", "rebuild", "projections.opportunity_process")
    await system.said("worker", '"event": "rebuilt"')
    assert (await system.shown("/boards/silence?limit=100", key))["total"] == 21
    traceparent = f"00-{TRACE}-b7ad6b7169203331-01"
    last = await opened(system, key, 30, timedelta(seconds=3), traceparent=traceparent)
    board = await system.shown("/boards/silence?limit=100", key, last["position"])
    assert board["total"] == 22
    await system.eventually(
        "/inbox?limit=500", key, lambda answer: "O30" in json.dumps(answer["rows"])
    )
    assert json.loads(system.command("dead-letters", "list", "--json")) == {"rows": []}


async def _poison_is_parked_until_somebody_answers_for_it(
    system: ScaledSystem, database: str
) -> None:
    store = await open_postgres_event_store(database, LOGS, wall_clock, PARTITIONS)
    stream = await poisoned_stream(store)
    await store.close()
    model = "projections.opportunity_process"
    of_model = [f"{model}.v1", stream]

    def letters() -> list[dict[str, Any]]:
        rows = json.loads(system.command("dead-letters", "list", "--json"))["rows"]
        return [row for row in rows if [row["subscription"], row["stream"]] == of_model]

    ends = monotonic() + 60
    while len(found := letters()) < 2:
        assert monotonic() < ends, found
        await asyncio.sleep(0.2)
    assert "Expected `str`, got `int` - at `$.opportunity_id`" in found[0]["reason"]
    refused = system.command("dead-letters", "retry", model, stream, exit_code=REFUSED)
    assert "opportunity_id" in refused
    assert (
        system.command("dead-letters", "discard", model, stream, "--by", "boss") == "2 given up\n"
    )
    assert [row["discarded_by"] for row in letters()] == ["boss", "boss"]
