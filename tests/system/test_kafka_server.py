"""The broker that tests and `make stack` start: stopped or killed, it comes back with its data."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jgo
import pytest

from stack import kafka_server
from stack.kafka_server import KafkaServer, answers
from tests.shared.relayed_log import create_topic, offsets, topic_content
from tests.shared.test_kafka_consumer import Bench


@pytest.mark.kafka
@pytest.mark.parametrize(
    "end",
    [pytest.param(KafkaServer.stop, id="stopped"), pytest.param(KafkaServer.kill, id="killed")],
)
async def test_a_broker_comes_back_on_the_same_port_with_its_data(
    own_kafka: KafkaServer, topic_prefix: str, end: Callable[[KafkaServer], None]
) -> None:
    address, process_id = own_kafka.bootstrap, own_kafka.pid
    topic = await create_topic(address, topic_prefix)
    bench = Bench(address, topic_prefix, topic)
    await bench.send(range(3))
    await bench.close()
    await asyncio.to_thread(end, own_kafka)
    assert not await answers(address)
    with pytest.raises(LookupError, match="Kafka is not running"):
        _ = own_kafka.pid
    await asyncio.to_thread(own_kafka.start)
    assert (own_kafka.bootstrap, own_kafka.pid != process_id) == (address, True)
    assert offsets(await topic_content(address, topic)) == [0, 1, 2]


def test_jars_that_somebody_was_killed_over_are_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[bool] = []

    def killed(_what: str, *, update: bool, cache_dir: Path) -> None:
        raise KeyboardInterrupt

    def built(_what: str, *, update: bool, cache_dir: Path) -> SimpleNamespace:
        asked.append(update)
        (cache_dir / "log4j-slf4j-impl-2.jar").touch()
        return SimpleNamespace(path=cache_dir.parent)

    monkeypatch.setattr(jgo, "build", killed)
    with pytest.raises(KeyboardInterrupt):
        kafka_server.class_path()
    monkeypatch.setattr(jgo, "build", built)
    assert "log4j-slf4j-impl-2.jar" in kafka_server.class_path()
    kafka_server.class_path()
    assert asked == [True, True, False, False]


@pytest.mark.kafka
def test_a_cluster_may_have_an_id_that_begins_like_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda count: b"\xfb" * count)
    server = KafkaServer(tmp_path)
    server._prepare()
    assert "cluster.id=-" in (tmp_path / "data" / "meta.properties").read_text()
