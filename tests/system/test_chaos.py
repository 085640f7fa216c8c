"""The short crash suite: each kind of fault once under load; `make chaos` is the long one."""

import pytest

from tests.system.chaos import faults
from tests.system.chaos.rounds import round_of_chaos

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(600)]

SEED = "20261122"


async def test_faults_under_load_lose_and_double_nothing() -> None:
    async with round_of_chaos(SEED, print) as running:
        await running.strike(faults.kill_one_of_each_kind, faults.restart_postgres)
        await running.compare()
        await running.strike(
            faults.stop_amid_a_batch, faults.broken_records, faults.poison, faults.deliver_again
        )
        await running.compare()
        await running.strike(
            faults.rebalance_storm,
            faults.restart_kafka,
            faults.lose_commits,
            faults.cut_connections,
        )
        await running.finish()
        assert running.kills >= 7
