"""A client that never gives up: what was not answered is sent again under the same key."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from tests.system.command import Json

STAGES = ("first", "second", "third", "fourth")
REPS = ("rep-1", "rep-2", "rep-3")
_NDJSON = "application/x-ndjson"


@dataclass
class Load:
    """`answered`: the events of each key that was accepted. Nobody sends while it is not open."""

    key: str
    answered: dict[str, list[str]] = field(default_factory=dict)
    repeated: int = 0
    address: str = ""
    stopped: bool = False
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, address: str) -> None:
        self.address = address
        self.is_open.set()

    def pause(self) -> None:
        self.is_open.clear()

    async def send(self, http: httpx.AsyncClient, path: str, **sent: Any) -> Any:
        """The answer, however often the other side has to be asked. Raises AssertionError for an
        answer that is no acceptance."""
        headers = {"Authorization": f"Bearer {self.key}", **sent.pop("headers", {})}
        first = True
        while True:
            await self.is_open.wait()
            self.repeated += not first
            first = False
            url = f"{self.address}/api/v1{path}"
            try:
                answer = await http.post(url, headers=headers, **sent)
            except httpx.TransportError:
                await asyncio.sleep(0.01)
                continue
            assert answer.status_code in (200, 201), f"{path} {sent}: {answer.text}"
            return answer


@dataclass
class Worker:
    """Has opportunities of its own, so it knows how each of them stands."""

    name: str
    load: Load
    random: Random
    http: httpx.AsyncClient
    count: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    actions: list[tuple[str, str]] = field(default_factory=list)

    async def run(self) -> None:
        while not self.load.stopped:
            if self.random.random() < 0.15:
                await self._batch()
            else:
                await self._one()

    def _new_key(self) -> str:
        self.count += 1
        return f"{self.name}-{self.count}"

    async def _one(self) -> None:
        key = self._new_key()
        command, opportunity_id, body = self._next(key)
        path = f"/opportunities/{opportunity_id}/{command}"
        if command == "open-opportunity":
            path, body = "/opportunities", {"opportunity_id": opportunity_id, **body}
        headers = {"Idempotency-Key": key}
        answer = await self.load.send(self.http, path, json=body, headers=headers)
        self.load.answered[key] = answer.json()["events"]

    async def _batch(self) -> None:
        lines: list[Json] = []
        for _ in range(self.random.randint(2, 15)):
            key = self._new_key()
            command, opportunity_id, body = self._next(key)
            line = {"command": command, "id": key, "opportunity_id": opportunity_id, **body}
            lines.append(line)
        content = "\n".join(json.dumps(line) for line in lines)
        headers = {"Content-Type": _NDJSON}
        answer = await self.load.send(self.http, "/commands", content=content, headers=headers)
        outcomes = [json.loads(line) for line in answer.text.splitlines()]
        assert [each["id"] for each in outcomes] == [line["id"] for line in lines]
        for outcome in outcomes:
            assert outcome["outcome"] in ("done", "duplicate"), outcome
            self.load.answered[outcome["id"]] = outcome["events"]

    def _next(self, key: str) -> tuple[str, str, Json]:
        """A command that will be accepted, about one of ours."""
        choice = self.random.random()
        if not self.stages or (len(self.stages) < 12 and choice < 0.2):
            opportunity_id = f"O-{key}"
            self.stages[opportunity_id] = 0
            owner = self.random.choice((*REPS, None))
            body = {"customer_id": f"C-{self.random.randint(1, 30)}", "pipeline": "quick"}
            return "open-opportunity", opportunity_id, body | ({"owner_id": owner} if owner else {})
        if self.closed and choice < 0.25:
            opportunity_id, self.stages[opportunity_id] = self.closed.popitem()
            return "reopen", opportunity_id, {"reason": "they called"}
        opportunity_id = self.random.choice(list(self.stages))
        if choice < 0.55:
            return self._action(key, opportunity_id)
        if choice < 0.62 and self.actions:
            of, action_id = self.actions.pop()
            return "void-action", of, {"action_id": action_id}
        if choice < 0.7:
            return "assign", opportunity_id, {"owner_id": self.random.choice(REPS)}
        if choice < 0.76:
            self.closed[opportunity_id] = self.stages.pop(opportunity_id)
            return self.random.choice(
                [("win", opportunity_id, {}), ("lose", opportunity_id, {"reason": "price"})]
            )
        others = [number for number in range(4) if number != self.stages[opportunity_id]]
        self.stages[opportunity_id] = self.random.choice(others)
        stage = STAGES[self.stages[opportunity_id]]
        return "change-stage", opportunity_id, {"stage": stage, "reason": "so it went"}

    def _action(self, key: str, opportunity_id: str) -> tuple[str, str, Json]:
        """Some are told late, which may disprove a signal."""
        kind = self.random.choice(("call", "visit", "note", "email"))
        body: Json = {"type": kind, "action_id": f"A-{key}", "summary": "说了什么 what was said"}
        if self.random.random() < 0.3:
            ago = timedelta(milliseconds=self.random.randint(10, 4_000))
            body["occurred_at"] = (datetime.now(UTC) - ago).isoformat(timespec="milliseconds")
        self.actions.append((opportunity_id, f"A-{key}"))
        return "log-action", opportunity_id, body
