"""Topics are made as stated, once, and refused where they are otherwise."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.adapters.kafka_topics import (
    Topic,
    TopicIsUnfit,
    create_topics,
    log_topic,
    missing_topics,
)
from shared.errors import StoreAway

pytestmark = pytest.mark.kafka


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


async def configuration(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    asked = ConfigResource(ConfigResourceType.TOPIC, topic, None)
    ((_code, _message, _kind, _name, entries),) = (await admin.describe_configs([asked]))[
        0
    ].resources
    return {entry[0]: entry[1] for entry in entries}


def test_a_topic_is_named_after_its_log() -> None:
    assert log_topic("leads") == "pulsetrail.leads"


async def test_a_missing_topic_is_made_as_stated(
    kafka: str, topic_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    name = log_topic("leads", topic_prefix)
    stated = Topic(name=name, partitions=3, retention=timedelta(hours=5))
    assert await create_topics(kafka, [stated]) == [name]
    (found,) = await admin.describe_topics([name])
    assert [len(partition["replicas"]) for partition in found["partitions"]] == [1, 1, 1]
    settings = await configuration(admin, name)
    assert settings["cleanup.policy"] == "delete"
    assert settings["retention.ms"] == str(5 * 3_600_000)
    assert settings["min.insync.replicas"] == "1"
    assert settings["message.timestamp.type"] == "LogAppendTime"


async def test_of_three_copies_two_must_have_what_is_acknowledged() -> None:
    three = Topic(name="t", partitions=1, replication=3)
    assert three.configuration["min.insync.replicas"] == "2"


async def test_topics_that_are_there_are_left_alone(kafka: str, topic_prefix: str) -> None:
    topics = [Topic(name=f"{topic_prefix}.{log}", partitions=2) for log in ("leads", "directory")]
    await create_topics(kafka, topics)
    assert await create_topics(kafka, topics) == []


async def test_another_retention_is_set_on_a_topic_that_is_there(
    kafka: str, topic_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    name = log_topic("leads", topic_prefix)
    await create_topics(kafka, [Topic(name=name, partitions=1)])
    await create_topics(kafka, [Topic(name=name, partitions=1, retention=timedelta(days=1))])
    assert (await configuration(admin, name))["retention.ms"] == str(24 * 3_600_000)


async def test_a_topic_with_another_number_of_partitions_is_refused_and_nothing_made(
    kafka: str, topic_prefix: str
) -> None:
    name, other = log_topic("leads", topic_prefix), log_topic("directory", topic_prefix)
    await create_topics(kafka, [Topic(name=name, partitions=2)])
    with pytest.raises(TopicIsUnfit) as refused:
        await create_topics(
            kafka, [Topic(name=other, partitions=4), Topic(name=name, partitions=4)]
        )
    assert str(refused.value) == (
        f"topic {name} has 2 partitions, its log has 4: delete the topic and run"
        " `pulsetrail topics`, or set LOG_PARTITIONS to what the log was created with"
    )
    assert await missing_topics(kafka, {other: 4}) == [other]


async def test_a_compacted_topic_is_refused(
    kafka: str, topic_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    name = log_topic("leads", topic_prefix)
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    with pytest.raises(TopicIsUnfit, match=r"cleanup\.policy=compact, which loses events"):
        await create_topics(kafka, [Topic(name=name, partitions=1)])


async def test_more_copies_than_brokers_are_refused_in_one_line(
    kafka: str, topic_prefix: str
) -> None:
    name = log_topic("leads", topic_prefix)
    with pytest.raises(TopicIsUnfit, match=f"topic {name} cannot be made as stated: .*3"):
        await create_topics(kafka, [Topic(name=name, partitions=1, replication=3)])


async def test_asking_for_topics_makes_none(kafka: str, topic_prefix: str) -> None:
    name = log_topic("leads", topic_prefix)
    assert await missing_topics(kafka, {name: 2}) == [name]
    assert await missing_topics(kafka, {name: 2}) == [name]


async def test_a_broker_that_is_away_is_told_apart() -> None:
    with pytest.raises(StoreAway, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        await create_topics("127.0.0.1:1", [])
