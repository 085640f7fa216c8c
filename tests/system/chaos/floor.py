"""The scaled system at work behind proxies, supervised, with clients that never give up."""

import asyncio
import json
import tomllib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx

from stack.kafka_server import free_port
from tests.receivers.receiver import Receiver, receiving
from tests.receivers.webhook import WebhookRules
from tests.system.chaos.servers import Servers, own_servers
from tests.system.command import Json
from tests.system.lead_load import LeadWorker, office_that_never_closes
from tests.system.load import REPS, Load, Worker
from tests.system.scaled import Part, ScaledSystem, scaled_system
from tests.system.test_kill import PIPELINE, POLICY, SECRET

PARTITIONS = 4
CLIENTS = 4
"""Of opportunities; one more has leads."""
WORKERS = ("worker-1", "worker-2")
OURS = ("api", "relay", *WORKERS, "notifications", "watch")
_FOLLOWED = ("directory", "leads", "opportunities", "scoring", "projections")
_PAUSE_SECONDS = 0.03
_LOOK_SECONDS = 0.3
_ANY_TIME = timedelta(days=100_000)


@dataclass
class PatientLoad(Load):
    """Also sends again what was answered with "not now"; `reasons` are those that were given."""

    reasons: Counter[str] = field(default_factory=Counter)

    async def send(self, http: httpx.AsyncClient, path: str, **sent: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **sent.pop("headers", {})}
        await asyncio.sleep(_PAUSE_SECONDS)
        while True:
            await self.is_open.wait()
            try:
                answer = await http.post(
                    f"{self.address}/api/v1{path}", headers=headers, **sent, timeout=30
                )
                reason = _not_now(answer)
                if not reason:
                    assert answer.status_code in (200, 201), f"{path} {sent}: {answer.text}"
                    return answer
            except httpx.TransportError as failure:
                reason = type(failure).__name__
            self.reasons[reason] += 1
            self.repeated += 1
            await asyncio.sleep(0.1)


def _not_now(answer: httpx.Response) -> str:
    """Which store was away, for the whole request or for lines of a batch; else nothing."""
    if answer.status_code == 503:
        return str(answer.json()["detail"])
    if answer.headers.get("content-type", "").startswith("application/x-ndjson"):
        problems = [json.loads(line).get("problem", {}) for line in answer.text.splitlines()]
        return next((str(each["detail"]) for each in problems if each.get("status") == 503), "")
    return ""


@dataclass
class Floor:
    """`down` are parts that a fault keeps down for now; whatever else ends is started again."""

    servers: Servers
    system: ScaledSystem
    hook: Receiver
    load: PatientLoad
    mutant: str = ""
    rep_keys: dict[str, str] = field(default_factory=dict)
    clients: list[asyncio.Task[None]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    happened: list[str] = field(default_factory=list)

    @property
    def parts(self) -> dict[str, Part]:
        return self.system.parts

    def add(self, called: str) -> None:
        """One more process, of the kind that its name begins with."""
        kind, services = _kind_of(called)
        self.parts[called] = Part(
            kind,
            (kind, *services),
            self.system.environment,
            self.system.folder / f"{called}.said",
            port=free_port(),
            launched_by="tests.system.chaos.mutated" if self.mutant else "services.cli",
        )
        self.parts[called].start()

    def remove(self, called: str) -> Part:
        return self.parts.pop(called)

    async def supervise(self) -> None:
        """As whoever runs the system does: what ended by itself is begun anew."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for called, part in list(self.parts.items()):
                ended = part.process is not None and part.process.poll() is not None
                if ended and called not in self.down:
                    self.ended[called] += 1
                    part.start()

    def raise_failures(self) -> None:
        """Of the clients: what was refused, or answered wrongly."""
        for task in self.clients:
            if task.done():
                task.result()

    @property
    def last_words(self) -> str:
        """Of all processes, with what they call an error or a bug."""
        said = []
        for called, part in self.parts.items():
            errors = [
                line
                for line in part.words.splitlines()
                if '"level": "error"' in line or '"why": "bug"' in line
            ]
            began = f"--- {called} (began anew {self.ended[called]} times)"
            said += [began, *(line[:1_000] for line in errors[-5:]), part.words[-800:]]
        return "\n".join(said)


def _kind_of(called: str) -> tuple[str, tuple[str, ...]]:
    if called == "notifications":
        return "worker", ("notifications",)
    if called.startswith("worker"):
        return "worker", _FOLLOWED
    return called.split("-", maxsplit=1)[0], ()


@asynccontextmanager
async def running_floor(folder: Path, seed: str, mutant: str = "") -> AsyncIterator[Floor]:
    """Furnished, with clients that wait to be let in."""
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(own_servers())
        rules = WebhookRules(SECRET, 0, _ANY_TIME)
        hook = await stack.enter_async_context(receiving(rules))
        system = await stack.enter_async_context(
            scaled_system(folder, servers.database, servers.kafka_address, "chaos", PARTITIONS)
        )
        system.environment |= {
            "PULSETRAIL_ALLOWED_OUTBOUND_HOSTS": "127.0.0.1",
            "PULSETRAIL_REQUESTS_A_MINUTE": "100000000",
            "CHAOS_MUTANT": mutant,
        }
        floor = Floor(servers, system, hook, PatientLoad(""), mutant)
        await _start(floor)
        await _furnish(floor)
        await _let_clients_wait(floor, stack, seed)
        yield floor


async def _start(floor: Floor) -> None:
    for called in OURS:
        floor.add(called)
    await floor.system.ready()
    floor.load.begin(floor.parts["api"].address)
    floor.load.pause()


async def _furnish(floor: Floor) -> None:
    administrator = await floor.system.first_key()
    hook = {
        "channel_id": "the-hook",
        "kind": "webhook",
        "unit_id": "company",
        "url": f"http://127.0.0.1:{floor.hook.port}/in",
        "secret": SECRET,
    }
    told: list[tuple[str, Json]] = [
        ("/units", {"unit_id": "team-1", "name": "one"}),
        ("/units", {"unit_id": "team-2", "name": "two"}),
        *(
            ("/people", {"person_id": rep, "unit_id": f"team-{1 + number % 2}"})
            for number, rep in enumerate(REPS)
        ),
        ("/channels", hook),
        ("/policies", POLICY),
        ("/pipelines", tomllib.loads(PIPELINE)),
        *office_that_never_closes(),
    ]
    for path, body in told:
        await floor.system.told(path, body, administrator)
    for number, rep in enumerate(REPS):
        grant = {"person_id": rep, "role": "rep", "unit_id": f"team-{1 + number % 2}"}
        floor.rep_keys[rep] = (await floor.system.told("/keys", grant, administrator))["key"]
    director = {"role": "director", "unit_id": "company"}
    floor.load.key = (await floor.system.told("/keys", director, administrator))["key"]


async def _let_clients_wait(floor: Floor, stack: AsyncExitStack, seed: str) -> None:
    http = await stack.enter_async_context(httpx.AsyncClient())
    clients: list[Worker | LeadWorker] = [
        Worker(f"W{number}", floor.load, Random(f"{seed} {number}"), http)
        for number in range(CLIENTS)
    ]
    clients.append(LeadWorker("WL", floor.load, Random(f"{seed} leads"), http, floor.rep_keys))
    floor.clients = [asyncio.create_task(client.run()) for client in clients]
    supervising = asyncio.create_task(floor.supervise())
    stack.push_async_callback(_cancelled, *floor.clients, supervising)


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
