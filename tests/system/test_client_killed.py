"""A device killed while it posts what it had queued: nothing is lost and nothing doubled (G5)."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from pulsetrail_client import Client, OfflineQueue, calls
from tests.system.serving import Serving

COMMANDS = 400
KILLS = 3
DEVICE = """
import sys
from pulsetrail_client import Client, OfflineQueue
import pulsetrail_client.offline_queue as offline_queue
offline_queue._MOST_LINES = 10
queue = OfflineQueue(sys.argv[1])
print("posting", flush=True)
with Client(sys.argv[2], sys.argv[3]) as client:
    queue.post(client)
"""


async def test_a_killed_device_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    serving = Serving(folder)
    serving.start()
    try:
        await serving.ready()
        key = serving.command.json("keys", "create", "--role", "director")["key"]
        with Client(serving.address, key) as client:
            client.send(calls.open_opportunity("C1", opportunity_id="O1"))
        queue = OfflineQueue(tmp_path / "queue.db")
        for number in range(COMMANDS):
            queue.add("log-action", opportunity_id="O1", type="call", summary=f"call {number}")
        for _ in range(KILLS):
            before = len(queue)
            device = start_device(tmp_path / "queue.db", serving.address, key)
            await until_fewer_than(before, queue)
            os.kill(device.pid, signal.SIGKILL)
            device.wait()
        left = len(queue)
        with Client(serving.address, key) as client:
            posted = queue.post(client)
            told = client.send(calls.opportunity("O1"))

        assert 0 < left < COMMANDS, "the kills fell into the posting"
        assert (posted.settled, posted.refused, len(queue)) == (left, 0, 0)
        assert told["version"] == 1 + COMMANDS
    finally:
        serving.kill()


async def until_fewer_than(count: int, queue: OfflineQueue) -> None:
    for _ in range(20_000):
        if len(queue) < count:
            return
        await asyncio.sleep(0.001)


def start_device(queue: Path, address: str, key: str) -> subprocess.Popen[bytes]:
    device = subprocess.Popen(
        [sys.executable, "-c", DEVICE, str(queue), address, key], stdout=subprocess.PIPE
    )
    assert device.stdout is not None
    device.stdout.readline()
    return device
