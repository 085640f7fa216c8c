"""Every process with the login of its service, which may do what that service does, no more."""

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from services.embedded import LOGS
from services.schemas import READERS
from shared.adapters.migrations import grant_roles
from tests.system.scaled import ScaledSystem, scaled_system
from tests.system.test_scaled import PARTITIONS, hired, opened, subjects

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(300)]

SECRET = "of-this-login"
TOKEN = "of-whoever-scrapes"


def address_of(database: str, login: str) -> str:
    url = make_url(database).set(username=f"pulsetrail_{login}", password=SECRET)
    return url.render_as_string(hide_password=False)


async def test_each_process_works_with_its_services_own_login(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with scaled_system(tmp_path, database, kafka, topic_prefix, PARTITIONS) as system:
        await grant_roles(database, READERS, dict.fromkeys((*LOGS, "relay", "api"), SECRET))
        system.environment["PULSETRAIL_METRICS_TOKEN"] = TOKEN
        system.add("api", DATABASE_URL=address_of(database, "api"))
        system.add("relay", DATABASE_URL=address_of(database, "relay"))
        system.add("watch", DATABASE_URL=address_of(database, "projections"))
        for service in LOGS:
            login = address_of(database, service)
            system.add("worker", service, called=service, DATABASE_URL=login)
        await system.ready()
        await _a_silence_and_a_lead_reach_whom_they_concern(system)
        await _metrics_are_shown_on_ports_of_their_own(system)
        system.environment["DATABASE_URL"] = address_of(database, "projections")
        system.command("order", "rebuild", "projections.opportunity_process")
        await system.said("projections", '"event": "rebuilt"')
        for name, part in system.parts.items():
            assert await part.stop() == 0, name
            assert "permission denied" not in part.words, name
    connection = await asyncpg.connect(database)
    assert await connection.fetch(_OWNERS) == [("pulsetrail_read_models",)]
    await connection.close()


async def _metrics_are_shown_on_ports_of_their_own(system: ScaledSystem) -> None:
    api = system.parts["api"]
    [said] = [each for each in api.words.splitlines() if each.startswith("metrics of the api: ")]
    shown = {name: f"{part.address}/metrics" for name, part in system.parts.items()}
    assert (await system.http.get(shown["api"])).status_code == 404
    shown["api"] = said.split()[-1]
    for name, address in shown.items():
        assert (await system.http.get(address)).status_code == 401, name
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await system.http.get(address, headers=headers, timeout=60)
        assert answer.status_code == 200, name
        assert "pulsetrail_process_cpu_seconds_total" in answer.text, name
        if name == "api":
            assert 'pulsetrail_command_seconds_count{log="opportunities"' in answer.text


_OWNERS = """
SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'read_models'
    AND tablename NOT IN ('alembic_version', 'compatibility')
"""


async def _a_silence_and_a_lead_reach_whom_they_concern(system: ScaledSystem) -> None:
    keys = await hired(system)
    await system.told("/presence", {"on_duty": True}, keys.rep)
    lead = {"lead_id": "L1", "customer_id": "C-L1", "source": "referral"}
    await system.told("/leads", lead, keys.boss)
    silent = await opened(system, keys.boss, 1, timedelta(seconds=2))
    await system.shown("/boards/silence", keys.boss, silent["position"])
    await system.eventually("/signals", keys.boss, lambda told: subjects(told, "stalled") == ["O1"])
    await system.eventually("/inbox", keys.boss, lambda told: told["rows"])
    await system.eventually(
        "/boards/leads", keys.rep, lambda board: board["rows"] and board["rows"][0]["owner_id"]
    )
