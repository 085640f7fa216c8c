"""A log of opportunities as the product makes it, in PostgreSQL and in Kafka, and its ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from pydantic import SecretStr

from benchmarks.scaled.servers import Servers
from services.embedded import LOGS
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    ChangeStage,
    LogAction,
    OpenOpportunity,
)
from services.opportunities.domain.pipeline_document import parse_pipeline
from services.opportunities.domain.valid_action import ActionDraft
from services.scaled import open_alone
from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.kafka_messages import MessageCodec
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_topics import Topic, create_topics, log_topic
from shared.adapters.migrations import (
    migrate_event_stores,
    migrate_key_store,
    migrate_read_store,
)
from shared.clock import wall_clock
from shared.command_handling import CommandContext, Run, Step
from shared.events.opportunities import ActionTypeDefinition
from shared.hosting import Hosting
from shared.log_source import LogSource
from shared.settings import ScaledSettings

LOG = "opportunities"
PARTITIONS = 4
TENANT = "default"
EVENTS_EACH = 10
"""One that opens, actions, a change of stage."""

_OPENED_AT = datetime(2026, 1, 5, 1, tzinfo=UTC)
_A_COMMIT = 500
_CALL = ActionTypeDefinition(type="call")
_PIPELINE = parse_pipeline(
    {"pipeline": {"name": "standard"}, "stage": [{"name": "first_contact"}, {"name": "last"}]}
)


class OwnLog(NamedTuple):
    hosting: Hosting
    servers: Servers
    prefix: str

    async def events(self) -> int:
        store = self.hosting.ports.event_store
        return sum([await store.head(LOG, each) for each in range(PARTITIONS)])

    async def open_source(self, log: str, subscription: str) -> LogSource:
        log_id = await self.hosting.ports.event_store.log_id(log)
        bootstrap = self.servers.bootstrap
        group = f"{subscription}-{uuid4().hex[:6]}"
        return KafkaLogSource(log, log_id, PARTITIONS, bootstrap, group=group, prefix=self.prefix)


@asynccontextmanager
async def own_log(
    servers: Servers,
    folder: Path,
    events: int,
    *,
    each: int = EVENTS_EACH,
    with_kafka: bool = True,
) -> AsyncIterator[OwnLog]:
    """Written, and sent to Kafka as the relay does; no read model has seen any of it. `each`: how
    many events an opportunity has."""
    url = servers.url(await servers.database())
    await migrate_event_stores(url, LOGS, PARTITIONS)
    await migrate_key_store(url)
    await migrate_read_store(url)
    settings = ScaledSettings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers=servers.bootstrap if with_kafka else "unused",
        log_partitions=PARTITIONS,
        object_store_url=(folder / "objects").as_uri(),
    )
    async with open_alone(settings, clock=wall_clock) as alone:
        log = OwnLog(alone.hosting, servers, f"bench-{uuid4().hex[:8]}")
        await _write(log, max(1, events // each), each)
        if with_kafka:
            await _send(log)
        yield log


async def _write(log: OwnLog, opportunities: int, each: int) -> None:
    """As in life: whatever happens to one, much happens to others before its next event."""
    handling = log.hosting.ports.commands(LOG)
    for event in range(each):
        for start in range(0, opportunities, _A_COMMIT):
            numbers = range(start, min(start + _A_COMMIT, opportunities))
            is_last = event == each - 1
            runs = [Run(_name(number), [_step(number, event, is_last)]) for number in numbers]
            await handling.handle_runs(OPPORTUNITY, runs)
    handling.forget_states()


def _name(number: int) -> str:
    return f"O-{number:07}"


def _step(number: int, event: int, is_last: bool) -> Step:
    """Each comes an hour after the one before it."""
    at = _OPENED_AT + timedelta(hours=event)
    if event == 0:
        return Step(_opening(number), _context(at), uuid4())
    if is_last:
        change = ChangeStage(opportunity_id=_name(number), stage="last", occurred_at=at, now=at)
        return Step(change, _context(at), uuid4())
    unit = f"team-{number % 20}"
    action = LogAction(
        opportunity_id=_name(number),
        action_id=f"A-{number}-{event}",
        definition=_CALL,
        draft=ActionDraft(summary="what was said about what was offered"),
        actor_id=f"rep-{number % 200}",
        actor_unit_id=unit,
        actor_unit_path=("company", unit),
        occurred_at=at,
        now=at,
    )
    return Step(action, _context(at), uuid4())


def _opening(number: int) -> OpenOpportunity:
    unit = f"team-{number % 20}"
    return OpenOpportunity(
        opportunity_id=_name(number),
        customer_id=f"C-{number % 5_000}",
        pipeline=_PIPELINE,
        unit_id=unit,
        unit_path=("company", unit),
        owner_id=f"rep-{number % 200}",
        zone="Asia/Shanghai",
        occurred_at=_OPENED_AT,
        now=_OPENED_AT,
    )


def _context(at: datetime) -> CommandContext:
    return CommandContext(
        tenant_id=TENANT, actor_id=None, occurred_at=at, correlation_id="benchmark"
    )


async def _send(log: OwnLog) -> None:
    store = log.hosting.ports.event_store
    topic = Topic(name=log_topic(LOG, log.prefix), partitions=PARTITIONS)
    await create_topics(log.servers.bootstrap, [topic])
    outlet = KafkaOutlet(log.servers.bootstrap)
    log_id = await store.log_id(LOG)

    async def send(partition: int) -> None:
        codec = MessageCodec(LOG, log_id, partition)
        offset = 0
        while events := await store.read_log(LOG, partition, offset, 5_000):
            await outlet.send(topic.name, partition, map(codec.message, events))
            offset += len(events)

    await asyncio.gather(*(send(each) for each in range(PARTITIONS)))
    await outlet.discard()
