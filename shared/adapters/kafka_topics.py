"""Topics of the logs and of orders: made as stated, refused where they are otherwise."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import CannotGoOn, StoreAway

PREFIX = "pulsetrail"
LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024
"""Twice what a request may bring: an event is never larger."""

_POLICY = "cleanup.policy"
_ASK_MILLISECONDS = 10_000


class TopicIsUnfit(CannotGoOn):
    """A topic is there but not as it must be; only an operator can say which of the two is right.
    The message is one line that names cause and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`replication` copies of each partition; all but one of them must have what is acknowledged.
    What is older than `retention` may go: the store keeps it."""

    name: str
    partitions: int
    replication: int = 1
    retention: timedelta = timedelta(days=7)

    @property
    def configuration(self) -> dict[str, str]:
        """Never compacted: an event has a key that others share. The broker's clock stamps, so
        that history relayed anew is as young as it arrived."""
        return {
            _POLICY: "delete",
            "retention.ms": str(self.retention // timedelta(milliseconds=1)),
            "retention.bytes": "-1",
            "min.insync.replicas": str(max(1, self.replication - 1)),
            "unclean.leader.election.enable": "false",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(LARGEST_MESSAGE_BYTES),
            "compression.type": "producer",
        }


def log_topic(log: str, prefix: str = PREFIX) -> str:
    return f"{prefix}.{log}"


def control_topic(prefix: str = PREFIX) -> str:
    """Where workers hear orders."""
    return f"{prefix}.control"


async def create_topics(bootstrap: str, topics: Sequence[Topic]) -> list[str]:
    """Those that were missing, by name; settings of the others are brought to what is stated.

    Raises TopicIsUnfit before anything is made or changed, StoreAway when Kafka is away.
    """
    async with _administration(bootstrap) as admin:
        existing = await _partitions_of(admin, [topic.name for topic in topics])
        present = [topic for topic in topics if topic.name in existing]
        for topic in present:
            _refuse_other_number(topic.name, existing[topic.name], topic.partitions)
        differing = await _differing(admin, present)
        missing = [topic for topic in topics if topic.name not in existing]
        await _create(admin, missing)
        await _configure(admin, differing)
        return [topic.name for topic in missing]


async def missing_topics(bootstrap: str, partitions: dict[str, int]) -> list[str]:
    """Of the topics named, with the number of partitions that each must have.

    Raises TopicIsUnfit, StoreAway.
    """
    async with _administration(bootstrap) as admin:
        existing = await _partitions_of(admin, list(partitions))
    for name, number in existing.items():
        _refuse_other_number(name, number, partitions[name])
    return [name for name in partitions if name not in existing]


@asynccontextmanager
async def _administration(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_ASK_MILLISECONDS)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as failure:
        raise StoreAway(f"Kafka at {bootstrap} does not answer: {failure}") from failure
    finally:
        await admin.close()


async def _partitions_of(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Asked for all: asking for one by name would make it where the broker makes topics itself."""
    wanted = set(names)
    return {
        found["topic"]: len(found["partitions"])
        for found in await admin.describe_topics()
        if found["topic"] in wanted
    }


def _refuse_other_number(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise TopicIsUnfit(
            f"topic {name} has {found} partitions, its log has {wanted}: delete the topic and run"
            " `pulsetrail topics`, or set LOG_PARTITIONS to what the log was created with"
        )


async def _differing(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[Topic]:
    """Which are set otherwise. Raises TopicIsUnfit for one that is compacted."""
    if not topics:
        return []
    wanted = {topic.name: topic for topic in topics}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in wanted]
    differing = []
    for response in await admin.describe_configs(asked):
        for code, message, _kind, name, entries in response.resources:
            _refuse(code, message, name)
            found = {entry[0]: entry[1] for entry in entries}
            if found[_POLICY] != "delete":
                raise TopicIsUnfit(
                    f"topic {name} has {_POLICY}={found[_POLICY]}, which loses events: delete the"
                    " topic and run `pulsetrail topics`"
                )
            if not wanted[name].configuration.items() <= found.items():
                differing.append(wanted[name])
    return differing


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    response = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                topic.partitions,
                topic.replication,
                topic_configs=topic.configuration,
            )
            for topic in topics
        ]
    )
    for name, code, message in response.topic_errors:
        if code != TopicAlreadyExistsError.errno:  # somebody else was making the same just now
            _refuse(code, message, name)


async def _configure(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    wanted = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configuration)
        for topic in topics
    ]
    for response in await admin.alter_configs(wanted):
        for code, message, _kind, name in response.resources:
            _refuse(code, message, name)


def _refuse(code: int, message: Any, name: str) -> None:
    if code:
        kind = for_code(code).__name__
        raise TopicIsUnfit(f"topic {name} cannot be made as stated: {message or kind}")
