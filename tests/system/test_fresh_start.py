"""A fresh installation can be used before any worker runs."""

import pytest
from pydantic import SecretStr

from services.cli.desk import DEFAULT_TENANT, furnish
from services.cli.keys import AskedKey, new_api_key
from services.scaled import SERVICES, api_of, open_scaled
from services.schemas import migrate
from shared.access import Role
from shared.command_handling import CommandContext
from shared.http import key_hash
from shared.settings import DatabasePasswords, ScaledSettings

pytestmark = pytest.mark.postgres

NOWHERE = "127.0.0.1:1"


async def test_the_first_key_is_given_while_neither_kafka_nor_a_worker_is_there(
    database: str,
) -> None:
    settings = ScaledSettings(
        database_url=SecretStr(database), kafka_bootstrap_servers=NOWHERE, log_partitions=2
    )
    await migrate(settings, DatabasePasswords())
    async with open_scaled(settings, api_of(SERVICES)) as hosting:
        ports = hosting.ports
        assert await furnish(ports)
        context = CommandContext(
            tenant_id=DEFAULT_TENANT,
            actor_id=None,
            occurred_at=ports.clock(),
            correlation_id="first",
        )
        _id, key = await new_api_key(ports, context, AskedKey(Role.ADMINISTRATOR))
        known = await ports.organisations.key_hashed(key_hash(key))
        assert known is not None
        assert known.key.unit_id == "company"
        stored = await ports.event_store.read_stream("default/pipeline/standard")
        assert [each.type for each in stored] == ["opportunities.pipeline_published.v1"]
        assert not await furnish(ports)
