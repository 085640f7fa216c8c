"""Killed under load at random moments: nothing is lost, nothing doubled, every figure right."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.oracle.leads import flaws, standing, told_by
from tests.oracle.live import (
    Recorded,
    Stalled,
    golden_actions,
    moment,
    process_health,
    read_log,
    silence_rows,
    stalled,
)
from tests.receivers.receiver import Received, Receiver, receiving
from tests.receivers.webhook import WebhookRules, seen_once
from tests.system.command import Json
from tests.system.lead_load import LeadWorker, office_that_never_closes
from tests.system.load import REPS, Load, Worker
from tests.system.serving import Serving

KILLS = 30
WORKERS = 5
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PIPELINE = """
[pipeline]
name = "quick"
unmet = "record"
[[stage]]
name = "first"
silence_limit = "2s"
[[stage.golden_action]]
action = "call"
[[stage]]
name = "second"
silence_limit = "3s"
[[stage]]
name = "third"
silence_limit = "4s"
[[stage.golden_action]]
action = "visit"
[[stage.golden_action]]
action = "call"
[[stage]]
name = "fourth"
silence_limit = "5s"
"""
POLICY = {
    "name": "to-the-hook",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["webhook"]}],
    "group_seconds": 0,
    "quiet_hours": None,
}
OF_LEADS = {
    "RepSeen",
    "LeadCaptured",
    "LeadAllocated",
    "LeadAssigned",
    "LeadFoundNobody",
    "LeadContacted",
    "HotWordSaid",
    "LeadAppealed",
    "LeadAppealDecided",
    "LeadReturned",
    "LeadConverted",
}
"""What has to have happened to leads for the comparison to say anything."""
LAG = timedelta(seconds=3)
"""How long after it was due a signal may still be on its way."""


@dataclass
class Floor:
    """A served folder with three reps in two teams, a quick pipeline and a robot that listens."""

    serving: Serving
    hook: Receiver
    key: str
    http: httpx.AsyncClient
    rep_keys: dict[str, str]

    async def get(self, path: str, **query: Any) -> Json:
        answer = await self.http.get(
            f"{self.serving.address}/api/v1{path}",
            params=query,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def rows(self, path: str, **query: Any) -> list[Json]:
        """All pages."""
        found: list[Json] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, limit=500, **query, **cursor)
            found += page["rows"]
            if page.get("next_cursor") is None:
                return found
            cursor = {"cursor": page["next_cursor"]}


@asynccontextmanager
async def served_floor(folder: Path) -> AsyncIterator[Floor]:
    rules = WebhookRules(SECRET, int(time.time()), timedelta(minutes=15))
    serving = Serving(
        folder / "data",
        {
            "PULSETRAIL_ALLOWED_OUTBOUND_HOSTS": "127.0.0.1",
            "PULSETRAIL_REQUESTS_A_MINUTE": "1000000",
        },
    )
    file = folder / "quick.toml"
    file.write_text(PIPELINE, encoding="utf-8")
    serving.command.run("pipeline", "publish", str(file))
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    administrator = serving.command.json("keys", "create", "--role", "administrator")["key"]
    rep_keys: dict[str, str] = {}
    async with receiving(rules) as hook, httpx.AsyncClient(timeout=20) as http:
        _answer_slowly(hook)
        serving.start()
        try:
            await serving.ready()
            await _furnish(serving, http, administrator, hook.port)
            for number, rep in enumerate(REPS):
                grant = {"person_id": rep, "role": "rep", "unit_id": f"team-{1 + number % 2}"}
                rep_keys[rep] = (await _told(serving, http, administrator, "/keys", grant))["key"]
            yield Floor(serving, hook, key, http, rep_keys)
        finally:
            serving.kill()


def _answer_slowly(hook: Receiver) -> None:
    """So that some attempts are cut short between the request and its answer."""
    answer = hook._answer

    async def answer_late(received: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.06)
        await answer(received, writer)

    hook._answer = answer_late  # type: ignore[method-assign]


async def _furnish(serving: Serving, http: httpx.AsyncClient, key: str, port: int) -> None:
    hook = {
        "channel_id": "the-hook",
        "kind": "webhook",
        "unit_id": "company",
        "url": f"http://127.0.0.1:{port}/in",
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
        *office_that_never_closes(),
    ]
    for path, body in told:
        await _told(serving, http, key, path, body)


async def _told(serving: Serving, http: httpx.AsyncClient, key: str, path: str, body: Json) -> Json:
    headers = {"Authorization": f"Bearer {key}"}
    answer = await http.post(f"{serving.address}/api/v1{path}", json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    said: Json = answer.json()
    return said


@pytest.mark.timeout(420)
async def test_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    random = Random(20_261_122)
    async with served_floor(tmp_path) as floor:
        load = Load(floor.key)
        workers: list[Worker | LeadWorker] = [
            Worker(f"W{number}", load, Random(number), floor.http) for number in range(WORKERS)
        ]
        workers.append(LeadWorker("WL", load, Random(WORKERS), floor.http, floor.rep_keys))
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        for number in range(KILLS):
            load.begin(floor.serving.address)
            await asyncio.sleep(random.uniform(0.05, 1.2))
            floor.serving.kill()
            load.pause()
            if number % 6 == 5:
                floor.serving.start()
                await asyncio.sleep(random.uniform(0.5, 2.0))
                floor.serving.kill()
            floor.serving.start()
            await floor.serving.ready()
            _raise_failures(tasks)
            await compare(floor, load)
        load.begin(floor.serving.address)
        load.stopped = True
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
        await compare(floor, load, whole=True)
        await compare_leads(floor)
        await messages_settle(floor)
        compare_messages(floor)
        assert floor.serving.stop() == 0
        assert json.loads(floor.serving.command.run("verify", "--json"))["untampered"] is True
        assert load.repeated >= KILLS


def _raise_failures(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def compare(floor: Floor, load: Load, whole: bool = False) -> None:
    """With nobody writing: the log holds every answer once, and the boards say what it says."""
    events = read_log(floor.serving.folder)
    compare_answers(events, load.answered, whole)
    await compare_silence(floor, events)
    await compare_process_health(floor, events)
    await compare_golden_actions(floor, events)
    await compare_signals(floor, events)


def compare_answers(events: list[Recorded], answered: dict[str, list[str]], whole: bool) -> None:
    """Each key stands in the log once, with the very events that were answered; at the end, when
    everything was answered, no other key does."""
    by_key: dict[str, list[str]] = {}
    appended: dict[str, set[str]] = {}
    for event in events:
        if (
            event.log in ("opportunities", "leads")
            and event.command_id
            and ":W" in event.command_id
        ):
            key = event.command_id.partition(":")[2]
            by_key.setdefault(key, []).append(event.event_id)
            appended.setdefault(key, set()).add(event.stream)
    told = {key: ids for key, ids in answered.items() if ids}
    stored = by_key if whole else {key: by_key.get(key) for key in told}
    assert stored == told
    assert max(Counter(event.event_id for event in events).values()) == 1
    assert all(len(streams) == 1 for streams in appended.values())


async def compare_silence(floor: Floor, events: list[Recorded]) -> None:
    board = await floor.get("/boards/silence", limit=500)
    expected = silence_rows(events, moment(board["as_of"]))
    shown = [
        {name: row[name] for name in expected[0]}
        | {"last_activity_at": moment(row["last_activity_at"])}
        for row in board["rows"]
    ]
    for row in expected:
        row["hours_left"] = pytest.approx(row["hours_left"], abs=1e-9)
        row["limit_hours"] = pytest.approx(row["limit_hours"], abs=1e-9)
    assert board["total"] == len(expected)
    assert shown == expected


def _moment_in(row: Json) -> datetime:
    return moment(row["last_activity_at"])


async def compare_process_health(floor: Floor, events: list[Recorded]) -> None:
    at = _now()
    local = at.astimezone(ZoneInfo("Asia/Shanghai"))
    year, week, day = local.isocalendar()
    begins = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=day - 1)
    expected = process_health(events, (begins, begins + timedelta(days=7)), at)
    asked = {"week": f"{year}-W{week:02}", "as_of": at.isoformat(timespec="milliseconds")}
    rows = (await floor.get("/boards/process-health", **asked))["rows"]
    shown = {
        (row["unit_id"] if row["rep_id"] is None else "company", row["rep_id"]): {
            name: row["counts"][name] for name in ("moved", "skipped", "open", "overrun")
        }
        for row in rows
    }
    wanted = {
        scope: counts
        for scope, counts in expected.items()
        if scope[1] is None or scope[0] == "company"
    }
    assert shown == wanted


async def compare_golden_actions(floor: Floor, events: list[Recorded]) -> None:
    board = await floor.get("/boards/golden-actions")
    expected = {
        (*scope, stage, action): counted
        for (scope, stage, action), counted in golden_actions(events).items()
        if scope[1] is None or scope[0] == "company"
    }
    shown = {
        (
            row["unit_id"] if row["rep_id"] is None else "company",
            row["rep_id"],
            row["stage"],
            row["action"],
        ): (row["done"], row["due"])
        for row in board["rows"]
        if row["due"]
    }
    assert shown == expected


async def compare_leads(floor: Floor) -> None:
    """At rest: none lost, none with two reps, books and leads agree, the board says as much."""
    patience = time.monotonic() + 30
    while True:
        told = told_by(read_log(floor.serving.folder))
        wrong, expected = flaws(told), standing(told)
        rows = await floor.rows("/leads")
        shown = {row["lead_id"]: (row["status"], row["unit_id"], row["owner_id"]) for row in rows}
        if not wrong and shown == expected:
            break
        differing = {each for each in shown | expected if shown.get(each) != expected.get(each)}
        assert time.monotonic() < patience, f"{wrong}; {differing} otherwise on the board"
        await asyncio.sleep(0.2)
    assert {type(each.event).__name__ for each in told} >= OF_LEADS


async def compare_signals(floor: Floor, events: list[Recorded]) -> None:
    """What is due for longer than the watch may take is there; what is there was due."""
    patience = time.monotonic() + 15
    while True:
        before = _now()
        rows = await floor.rows("/signals", rule="stalled")
        shown = {
            Stalled(
                row["subject_id"],
                moment(row["due_at"]),
                row["stage"],
                row["owner_id"],
                row["unit_id"],
                row["state"],
            )
            for row in rows
        }
        assert len(shown) == len(rows), "a signal is shown twice"
        must, may = stalled(events, before - LAG), stalled(events, _now())
        if must <= shown <= may:
            return
        assert time.monotonic() < patience, f"missing {must - shown}, unfounded {shown - may}"
        await asyncio.sleep(0.1)


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def queued_messages(events: list[Recorded]) -> dict[str, Json]:
    return {
        event.data["message_id"]: event.data
        for event in events
        if event.name == "message_queued" and event.data["channels"] == ["the-hook"]
    }


def attempts_of(events: list[Recorded]) -> Counter[str]:
    return Counter(e.data["message_id"] for e in events if e.name == "attempt_started")


def endings_of(events: list[Recorded]) -> dict[str, str]:
    return {
        event.data["message_id"]: event.data["ending"]
        for event in events
        if event.name == "message_closed"
    }


async def messages_settle(floor: Floor) -> None:
    """Until every message has ended, but for those that were interrupted twice: these rest for
    two minutes, then ten."""
    patience = time.monotonic() + 60
    while True:
        events = read_log(floor.serving.folder)
        attempts, endings = attempts_of(events), endings_of(events)
        waiting = [
            each for each in queued_messages(events) if each not in endings and attempts[each] < 2
        ]
        raised = {e.data["signal_id"] for e in events if e.name == "signal_raised"}
        opened = {e.data["signal_id"] for e in events if e.name == "escalation_opened"}
        if not waiting and raised <= opened:
            return
        assert time.monotonic() < patience, f"{len(waiting)} wait, {len(raised - opened)} unheard"
        await asyncio.sleep(0.5)


def compare_messages(floor: Floor) -> None:
    """N5: at least once, a repeat only where marked, once for receivers that dedupe."""
    events = read_log(floor.serving.folder)
    queued, attempts, endings = queued_messages(events), attempts_of(events), endings_of(events)
    by_id: dict[str, list[Received]] = {}
    for each in floor.hook.arrived:
        by_id.setdefault(each.headers["webhook-id"], []).append(each)
    assert floor.hook.refusals == []
    assert set(by_id) == seen_once(floor.hook.arrived) <= set(queued)
    delivered = {each for each, ending in endings.items() if ending == "delivered"} & set(queued)
    assert delivered <= set(by_id)
    assert len(delivered) > 20
    for message_id, arrivals in by_id.items():
        marked = [each.document["data"]["may_be_repeat"] for each in arrivals]
        assert marked.count(False) <= 1, f"{message_id} came twice as if for the first time"
        assert len(arrivals) <= attempts[message_id]
    compare_told(events, queued)


def compare_told(events: list[Recorded], queued: dict[str, Json]) -> None:
    """One escalation for each raising of a signal, one message for each step of an escalation."""
    counted = Counter(
        (event.name, event.data.get("escalation_id") or event.data.get("signal_id"))
        for event in events
        if event.name in ("signal_raised", "escalation_opened", "escalation_step_reached")
    )
    messages = Counter(
        escalation for message in queued.values() for escalation in message["escalation_ids"]
    )
    for escalation_id, number in messages.items():
        assert number <= counted["escalation_step_reached", escalation_id]
        assert (
            counted["escalation_step_reached", escalation_id]
            <= (counted["escalation_opened", escalation_id])
        )
        assert (
            counted["escalation_opened", escalation_id] <= counted["signal_raised", escalation_id]
        )
