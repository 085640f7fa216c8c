"""The way of one silence through every process, on real Kafka and PostgreSQL, with kills."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.scaled import PARTS, ScaledSystem, scaled_system

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(400)]

LIMIT = timedelta(hours=48)
"""Of the pipeline `standard`."""
POLICY = {
    "name": "at-once",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["inbox"]}],
    "group_seconds": 0,
    "quiet_hours": None,
}


async def hired(system: ScaledSystem) -> str:
    """A manager of the whole company with a key of her own; the key."""
    administrator = await system.first_key()
    person = {"person_id": "boss", "name": "Wang Fang", "unit_id": "company"}
    await system.told("/people", person, administrator)
    grant = {"role": "director", "unit_id": "company"}
    await system.told("/people/boss/give-grant", grant, administrator)
    await system.told("/policies", POLICY, administrator)
    key = {"role": "director", "unit_id": "company", "person_id": "boss"}
    return str((await system.told("/keys", key, administrator))["key"])


async def opened(system: ScaledSystem, key: str, number: int, due_in: timedelta) -> dict[str, Any]:
    occurred_at = datetime.now(UTC) - LIMIT + due_in
    body = {
        "opportunity_id": f"O{number}",
        "customer_id": "C1",
        "owner_id": "boss",
        "occurred_at": occurred_at.isoformat(),
    }
    return await system.told("/opportunities", body, key)


def subjects(answer: Any, rule: str | None = None) -> list[str]:
    rows = answer["rows"]
    return sorted(row["subject_id"] for row in rows if rule is None or row["rule"] == rule)


async def test_a_silence_is_signalled_and_escalated_once_though_processes_are_killed(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with scaled_system(tmp_path, database, kafka, topic_prefix) as system:
        for part in PARTS:
            system.add(part)
        await system.ready()
        key = await hired(system)

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
        last = await opened(system, key, 30, timedelta(hours=1))
        board = await system.shown("/boards/silence?limit=100", key, last["position"])
        assert board["total"] == 22
        assert json.loads(system.command("dead-letters", "list", "--json")) == {"rows": []}

        for part in reversed(PARTS):
            assert await system.parts[part].stop() == 0, system.parts[part].words[-3000:]
