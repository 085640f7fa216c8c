"""Every endpoint x role x tenant (A9), generated from the app's own routes and commands."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from services.directory.domain.api_key import API_KEY, CreateApiKey, RevokeApiKey
from services.directory.domain.unit_tree import UNIT_TREE, MoveUnit
from shared.access import PERMISSIONS, Resource, Role, Verb
from shared.http import BASE, key_hash
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, SalesFloor
from tests.services.test_visits_api import photo

PUBLIC = {
    f"{BASE}/openapi.json": "the description of the interface, no rows",
    "/docs": "the same to read",
    "/healthz": "asked by whoever watches the process",
    "/readyz": "the same; says what is missing, no rows",
    "/metrics": "loopback, or a token of its own",
    "/act/{token}": "the signed token of a one-time link names its person",
    "/told/{message_id}": "asks for sign-in in words, as a page",
    "/forms/{form_key}": "the key in the address says for whom, and opens nothing else",
    "/assets/{name}": "styles and scripts, the same for everybody",
    "/worker.js": "the same",
    f"{BASE}/commands": "every line checks its own command's permission",
}
STREAMS = {f"{BASE}/live": "answers at once and then never ends"}


class Endpoint(NamedTuple):
    method: str
    path: str
    needs: tuple[Resource, Verb] | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def ids(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def at(self, **ids: str) -> str:
        return self.path.format(**{name: ids.get(name, "nowhere") for name in self.ids})


def endpoints(app: FastAPI) -> list[Endpoint]:
    """What the app answers, with what it asks of a caller."""
    return [
        Endpoint(method, route.path, _needs(route))
        for route in walked(app.routes)
        for method in sorted(route.methods - {"HEAD"})
    ]


def walked(routes: Any) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            assert not route.include_context.prefix, "paths are spelled where they are declared"
            yield from walked(included.routes)


def _needs(route: Any) -> tuple[Resource, Verb] | None:
    found = set(_declared(getattr(route, "dependant", None)))
    assert len(found) <= 1, f"{route.path} asks for {found}"
    return next(iter(found), None)


def _declared(dependant: Any) -> Iterator[tuple[Resource, Verb]]:
    for each in dependant.dependencies if dependant else ():
        if hasattr(each.call, "resource"):
            yield each.call.resource, each.call.verb
        yield from _declared(each)


@dataclass
class Gate:
    """A floor with a key for every role, in T1 (`<role>`) and in T2 (`<role>-elsewhere`)."""

    alarm: AlarmFloor
    app: FastAPI

    @property
    def floor(self) -> SalesFloor:
        return self.alarm.floor

    @property
    def guarded(self) -> list[Endpoint]:
        return [each for each in endpoints(self.app) if each.needs is not None]

    async def ask(
        self, endpoint: Endpoint, key: str | None, body: Any = None, **ids: str
    ) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer key-{key}"}
        request = self.floor.http.build_request(
            endpoint.method,
            endpoint.at(**ids) + ASKED.get(endpoint.path.removeprefix(BASE), ""),
            headers=headers,
            json={} if body is None else body,
        )
        if endpoint.path in STREAMS:
            return httpx.Response(await self._first_status(request), request=request)
        return await self.floor.http.send(request)

    async def _first_status(self, request: httpx.Request) -> int:
        """The client collects whole bodies; of an endless one only the beginning is asked for."""
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }
        body = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if body:
                return body.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start" and not status.done():
                status.set_result(message["status"])

        answering = asyncio.create_task(self.app(scope, receive, send))
        try:
            return await asyncio.wait_for(status, 10)
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


@asynccontextmanager
async def gate(path: Path) -> AsyncIterator[Gate]:
    async with alarm_floor(path) as alarm:
        floor = alarm.floor
        transport: Any = floor.http._transport
        for role in Role:
            holder = {Role.REP: "rep-1", Role.LEGAL: "lawyer-1"}.get(role)
            await _add_key(floor, role, holder, role, "T1")
            await _add_key(floor, role, None, f"{role}-elsewhere", "T2")
        yield Gate(alarm, transport.app)


async def _add_key(
    floor: SalesFloor, role: Role, person_id: str | None, name: str, tenant: str
) -> None:
    create = CreateApiKey(
        key_id=f"K-of-{name}",
        key_hash=key_hash(f"key-{name}"),
        role=role,
        unit_id="company",
        person_id=person_id,
        name=name,
        now=NOW,
    )
    await floor.handle("directory", API_KEY, create.key_id, create, tenant)


def allows(role: Role, needs: tuple[Resource, Verb]) -> bool:
    resource, verb = needs
    permissions = PERMISSIONS[role]
    return resource in (permissions.read if verb is Verb.READ else permissions.write)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gate(tmp_path / "data") as found:
        yield found


async def test_every_route_says_what_it_asks_of_a_caller_or_why_it_asks_nothing(
    running: Gate,
) -> None:
    unguarded = {each.path for each in endpoints(running.app) if each.needs is None}
    assert unguarded == set(PUBLIC)


async def test_every_route_answers_the_roles_it_is_for_and_no_other(running: Gate) -> None:
    """Ids lead nowhere and bodies are empty: only whether one is let in is asked here."""
    wrong: list[str] = []
    for endpoint in running.guarded:
        assert endpoint.needs is not None
        without = await running.ask(endpoint, None)
        unknown = await running.ask(endpoint, "nobodys")
        if (without.status_code, unknown.status_code) != (401, 401):
            wrong.append(f"{endpoint.name} without a key: {without}, with a wrong one: {unknown}")
        for role in Role:
            status = (await running.ask(endpoint, role)).status_code
            allowed = allows(role, endpoint.needs)
            if (status in (401, 403)) if allowed else status != 403:
                wrong.append(f"{endpoint.name} answers {role} {status}, allowed: {allowed}")
    assert wrong == []


async def test_every_command_of_a_batch_is_for_the_same_roles_as_its_route(running: Gate) -> None:
    """A line may not do what its route refuses; an unknown command belongs to nobody."""
    needs = _needs_of_commands(running)
    wrong: list[str] = []
    for role in Role:
        lines = [json.dumps({"command": command}).encode() for command in needs]
        response = await running.floor.http.post(
            f"{BASE}/commands",
            content=b"\n".join(lines),
            headers={
                "Authorization": f"Bearer key-{role}",
                "Content-Type": "application/x-ndjson",
            },
        )
        answers = [json.loads(line) for line in response.text.splitlines()]
        assert len(answers) == len(needs)
        for command, answer in zip(needs, answers, strict=True):
            status = answer.get("problem", {"status": 200})["status"]
            allowed = allows(role, needs[command])
            if (status not in (200, 422)) if allowed else status != 403:
                wrong.append(f"{command} answers {role} {status}, allowed: {allowed}")
    assert wrong == []


# A line's command and the route that does the same, where the names differ.
ROUTES_OF_COMMANDS = {
    "open-opportunity": "/opportunities",
    "publish-pipeline": "/pipelines",
    "define-action-type": "/action-types",
    "define-customer-type": "/customer-types",
    "issue-door-code": "/doors",
    "withdraw-door-code": "/doors/{door_id}/withdraw-code",
    "set-goal": "/goals/{month}/set",
    "remove-goal": "/goals/{month}/remove",
    "cascade-goal": "/goals/{month}/cascade",
    "register-customer": "/customers",
    "describe-customer": "/customers/{customer_id}/describe",
    "merge-customer": "/customers/{customer_id}/merge",
    "undo-customer-merge": "/customers/{customer_id}/undo-merge",
    "keep-customers-apart": "/customers/{customer_id}/keep-apart",
    "open-ticket": "/tickets",
    "close-ticket": "/tickets/{ticket_id}/close",
    "capture-lead": "/leads",
    "receive-message": "/messages",
    "change-lead-fields": "/leads/{lead_id}/change-fields",
    "note-lead-behaviour": "/leads/{lead_id}/note-behaviour",
    "assign-lead": "/leads/{lead_id}/assign",
    "contact-lead": "/leads/{lead_id}/contact",
    "appeal-lead": "/leads/{lead_id}/appeal",
    "decide-lead-appeal": "/leads/{lead_id}/decide-appeal",
    "qualify-lead": "/leads/{lead_id}/qualify",
    "return-lead": "/leads/{lead_id}/return",
    "release-lead": "/leads/{lead_id}/release",
    "disqualify-lead": "/leads/{lead_id}/disqualify",
    "convert-lead": "/leads/{lead_id}/convert",
    "decide-authenticity-case": "/authenticity-cases/{case_id}/decide",
    "add-unit": "/units",
    "move-unit": "/units/{unit_id}/move",
    "rename-unit": "/units/{unit_id}/rename",
    "add-person": "/people",
    "rename-person": "/people/{person_id}/rename",
    "move-person": "/people/{person_id}/move",
    "person-leaves": "/people/{person_id}/leave",
    "give-grant": "/people/{person_id}/give-grant",
    "withdraw-grant": "/people/{person_id}/withdraw-grant",
    "set-address": "/people/{person_id}/set-address",
    "acknowledge-escalation": "/escalations/{escalation_id}/acknowledge",
    "snooze-escalation": "/escalations/{escalation_id}/snooze",
    "hand-over-escalation": "/escalations/{escalation_id}/hand-over",
    "resolve-escalation": "/escalations/{escalation_id}/resolve",
}


def _needs_of_commands(running: Gate) -> dict[str, tuple[Resource, Verb]]:
    posts = {each.path: each.needs for each in running.guarded if each.method == "POST"}
    found: dict[str, tuple[Resource, Verb]] = {}
    for service in running.floor.hosting.services:
        for command in service.commands:
            path = ROUTES_OF_COMMANDS.get(command, f"/opportunities/{{opportunity_id}}/{command}")
            needs = posts[BASE + path]
            assert needs is not None
            found[command] = needs
    return found


async def test_a_revoked_key_opens_nothing(running: Gate) -> None:
    revoke = RevokeApiKey(key_id="K-of-director", now=NOW)
    await running.floor.handle("directory", API_KEY, "K-of-director", revoke)
    await running.floor.hosting.catch_up()
    refused = [(await running.ask(each, "director")).status_code for each in running.guarded]
    assert set(refused) == {401}


# A body that fits, for every route with an id in its path: what is refused there is the id.
BODIES: dict[str, Any] = {
    "/units/{unit_id}/move": {"parent_id": "company"},
    "/units/{unit_id}/rename": {"name": "renamed"},
    "/people/{person_id}/rename": {"name": "renamed"},
    "/people/{person_id}/move": {"unit_id": "company"},
    "/people/{person_id}/give-grant": {"role": "rep", "unit_id": "company"},
    "/people/{person_id}/withdraw-grant": {"role": "rep", "unit_id": "company"},
    "/people/{person_id}/set-address": {"channel": "dingtalk", "address": "mention-2"},
    "/customers/{customer_id}/describe": {"name": "renamed"},
    "/customers/{customer_id}/merge": {"into_customer_id": "C1"},
    "/customers/{customer_id}/keep-apart": {"other_customer_id": "C1"},
    "/leads/{lead_id}/change-fields": {"budget_status": "oral"},
    "/leads/{lead_id}/note-behaviour": {"behaviour": "hot_word"},
    "/leads/{lead_id}/assign": {"owner_id": "rep-1"},
    "/leads/{lead_id}/contact": {"type": "call"},
    "/tickets/{ticket_id}/close": {"outcome": "repaired"},
    "/leads/{lead_id}/appeal": {"reason": "no budget"},
    "/leads/{lead_id}/decide-appeal": {"decision": "keep"},
    "/leads/{lead_id}/disqualify": {"reason": "no-need"},
    "/leads/{lead_id}/convert": {},
    "/opportunities/{opportunity_id}/log-action": {"type": "call"},
    "/opportunities/{opportunity_id}/correct-action": {"action_id": "A-of-T1", "summary": "so"},
    "/opportunities/{opportunity_id}/void-action": {"action_id": "A-of-T1"},
    "/opportunities/{opportunity_id}/attach-evidence": {
        "action_id": "A-of-T1",
        "evidence": [{"sha256": "EVIDENCE", "kind": "photo"}],
    },
    "/doors/{door_id}/withdraw-code": {},
    "/opportunities/{opportunity_id}/start-visit": {"door_code": "DOOR-CODE"},
    "/opportunities/{opportunity_id}/fill-visit": {"visit_id": "W-of-T1", "fields": {}},
    "/opportunities/{opportunity_id}/book-next-action": {
        "visit_id": "W-of-T1",
        "next_action": {"due_at": "2026-03-05T09:00:00Z"},
    },
    "/opportunities/{opportunity_id}/summarise-visit": {
        "visit_id": "W-of-T1",
        "summary": "they are well",
    },
    "/opportunities/{opportunity_id}/pass-on-visit": {"visit_id": "W-of-T1"},
    "/opportunities/{opportunity_id}/change-stage": {"stage": "needs_confirmed"},
    "/opportunities/{opportunity_id}/lose": {"reason": "price"},
    "/opportunities/{opportunity_id}/assign": {"owner_id": None},
    "/opportunities/{opportunity_id}/request-approval": {"kind": "discount", "steps": ["manager"]},
    "/opportunities/{opportunity_id}/decide-approval": {
        "approval_id": "V-of-T1",
        "decision": "approve",
    },
    "/opportunities/{opportunity_id}/resubmit-approval": {"approval_id": "V-of-T1"},
    "/authenticity-cases/{case_id}/decide": {"verdict": "false", "reason": "on leave"},
    "/escalations/{escalation_id}/snooze": {"until": "2026-03-09T09:00:00Z"},
    "/escalations/{escalation_id}/hand-over": {"to_person_id": "boss-1"},
    "/webhooks/{webhook_id}/replay": {},
}
# Who may do it in T1, where it is more than a role: a message is read by whom it was sent to.
OWN_ROLES = {
    "/inbox/{message_id}": "rep",
    "/inbox/{message_id}/read": "rep",
    "/people/{person_id}/leave": "administrator",
}
# What every tenant has under the same name is no id of another tenant's.
SAME_EVERYWHERE = {
    "/boards/{name}",
    "/boards/{name}/why",
    "/boards/{name}/export",
    "/goals/{month}/set",
    "/goals/{month}/remove",
    "/goals/{month}/cascade",
    "/instructions/{kind}",
    "/duplicates/{deed}",
}
MARK = "a page of T1's"
ASKED = {
    "/lead-rules/comparison": "?set=lead_points_referral=25",
    "/funnel/opportunities": "?step=1&how=pending",
}
"""Where nothing is shown without a question."""


async def _ids_of_t1(running: Gate) -> dict[str, str]:
    """Something of every kind, all of T1."""
    floor, alarm = running.floor, running.alarm
    uploaded = await floor.http.put(
        f"{BASE}/evidence",
        content=photo(1) + MARK.encode(),
        headers={"Authorization": "Bearer key-director", "Content-Type": "image/jpeg"},
    )
    sha256 = uploaded.json()["sha256"]
    await floor.open("O-of-T1")
    lead = {"lead_id": "L-of-T1", "customer_id": "C1", "source": "referral"}
    await floor.told("/leads", lead, "rep-1")
    ticket = {"ticket_id": "S-of-T1", "customer_id": "C1", "kind": "repair"}
    await floor.told("/tickets", ticket, "director")
    action = {
        "type": "call",
        "action_id": "A-of-T1",
        "evidence": [{"sha256": sha256, "kind": "photo"}],
    }
    await floor.told("/opportunities/O-of-T1/log-action", action, "rep-1")
    rule = {"earlier": "reported_at", "later": "occurred_at", "limit_seconds": 1}
    dated = {
        "type": "dated",
        "fields": [{"name": "reported_at", "kind": "date"}],
        "date_rules": [rule],
    }
    await floor.told("/action-types", dated, "administrator")
    late = {"type": "dated", "fields": {"reported_at": "2026-01-01"}}
    await floor.told("/opportunities/O-of-T1/log-action", late, "rep-1")
    door = {"door_id": "D-of-T1", "customer_id": "C1"}
    door_code = (await floor.told("/doors", door, "director"))["door_code"]
    visit = {"visit_id": "W-of-T1", "door_code": door_code}
    await floor.told("/opportunities/O-of-T1/start-visit", visit, "rep-1")
    approval = {"approval_id": "V-of-T1", "kind": "discount", "steps": ["director"]}
    await floor.told("/opportunities/O-of-T1/request-approval", approval, "rep-1")
    await floor.told(
        "/pipelines",
        {"pipeline": {"name": "P-of-T1"}, "stage": [{"name": "first"}, {"name": "last"}]},
        "administrator",
    )
    policy = {
        "name": "policy-of-T1",
        "rules": ["stalled"],
        "steps": [{"after_seconds": 0, "to": "owner", "channels": ["inbox"]}],
    }
    await floor.told("/policies", policy, "administrator")
    channel = {
        "channel_id": "hook-of-T1",
        "kind": "webhook",
        "unit_id": "company",
        "url": "http://127.0.0.1:9/in",
        "secret": "whsec_" + "A" * 32,
    }
    await floor.told("/channels", channel, "administrator")
    webhook = {
        "webhook_id": "webhook-of-T1",
        "url": "http://127.0.0.1:9/in",
        "event_types": ["directory.unit_added.v1"],
    }
    await floor.told("/webhooks", webhook, "administrator")
    away = {"begins_at": "2026-03-20T00:00:00Z", "ends_at": "2026-03-21T00:00:00Z"}
    await floor.told("/absences", {"absence_id": "away-of-T1", **away}, "rep-1")
    await alarm.settle(after=timedelta(hours=49))
    await alarm.settle(after=timedelta(minutes=5))
    escalation = min(await alarm.escalations())
    message = (await alarm.inbox("rep-1"))[0]
    [case] = (await floor.shown("/authenticity-cases"))["rows"]
    return {
        "unit_id": "team-1",
        "person_id": "rep-2",
        "key_id": "K-clerk",
        "customer_id": "C1",
        "lead_id": "L-of-T1",
        "ticket_id": "S-of-T1",
        "opportunity_id": "O-of-T1",
        "sha256": sha256,
        "door_id": "D-of-T1",
        "door_code": door_code,
        "visit_id": "W-of-T1",
        "escalation_id": escalation,
        "message_id": message["message_id"],
        "channel_id": "hook-of-T1",
        "webhook_id": "webhook-of-T1",
        "absence_id": "away-of-T1",
        "case_id": case["case_id"],
        "kind": "opportunity",
        "subject_id": "O-of-T1",
    }


def _names_of_t1(path: str) -> str:
    return "policy-of-T1" if path.startswith(f"{BASE}/policies") else "P-of-T1"


async def test_an_id_of_another_tenant_is_as_good_as_none(running: Gate) -> None:
    """The same request with a key of T1 finds what it names, so nothing else was at fault."""
    ids = await _ids_of_t1(running)
    wrong: list[str] = []
    with_ids = sorted((each for each in running.guarded if each.ids), key=_removes)
    for endpoint in with_ids:
        path = endpoint.path.removeprefix(BASE)
        if path in SAME_EVERYWHERE:
            continue
        named = {**ids, "name": _names_of_t1(endpoint.path)}
        if path == "/why/{subject_id}":
            named["subject_id"] = ids["escalation_id"]
        fitting = json.dumps(BODIES.get(path)).replace("EVIDENCE", ids["sha256"])
        body = json.loads(fitting.replace("DOOR-CODE", ids["door_code"]))
        assert endpoint.needs is not None
        for role in Role:
            if not allows(role, endpoint.needs):
                continue
            answer = await running.ask(endpoint, f"{role}-elsewhere", body, **named)
            if answer.status_code != 404 or _shows_t1(answer.text, named):
                wrong.append(f"{endpoint.name} answers {role} of T2 {answer.text}")
        if not endpoint.path.startswith(BASE):
            continue  # forms and addresses of pages are tried where the pages are
        roles = [role for role in (Role.DIRECTOR, *Role) if allows(role, endpoint.needs)]
        own = await running.ask(endpoint, OWN_ROLES.get(path, roles[0]), body, **named)
        if own.status_code in (401, 403, 404, 422):
            wrong.append(f"{endpoint.name} answers T1 itself {own.text}")
    assert wrong == []


def _removes(endpoint: Endpoint) -> bool:
    """What is taken away cannot be found afterwards."""
    return endpoint.path.endswith(("/remove", "/withdraw"))


def _shows_t1(text: str, asked: dict[str, str]) -> bool:
    """Beyond the ids that the question itself named."""
    for named in asked.values():
        text = text.replace(named, "")
    return any(mark in text for mark in ("of-T1", "team-1", "rep-1", "C1", MARK))


async def test_no_list_shows_anything_of_another_tenant(running: Gate) -> None:
    """All that is read without naming an id, by every role of T2; T1's own auditor sees some."""
    await _ids_of_t1(running)
    lists = [
        (each, board)
        for each in running.guarded
        if each.method == "GET" and each.path not in STREAMS
        for board in (("silence", "process-health") if "boards" in each.path else ("",))
        if not each.ids or each.path == f"{BASE}/boards/{{name}}"
    ]
    wrong, seen_at_home = [], set()
    for endpoint, board in lists:
        assert endpoint.needs is not None
        for role in Role:
            if not allows(role, endpoint.needs):
                continue
            answer = await running.ask(endpoint, f"{role}-elsewhere", name=board)
            if answer.status_code not in (200, 404) or _shows_t1(answer.text, {}):
                wrong.append(f"{endpoint.name} {board} shows {role} of T2 {answer.text}")
            if _shows_t1((await running.ask(endpoint, role, name=board)).text, {}):
                seen_at_home.add(endpoint.path.removeprefix(BASE))
    assert wrong == []
    assert seen_at_home >= {
        "/units",
        "/people",
        "/keys",
        "/boards/{name}",
        "/signals",
        "/escalations",
        "/pipelines",
        "/policies",
        "/channels",
        "/events",
        "/inbox",
        "/leads",
        "/authenticity-cases",
    }


async def test_rows_are_seen_by_their_owner_and_by_who_is_above_them_now(running: Gate) -> None:
    floor = running.floor
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-2")
    floor.clock.move_to(NOW + timedelta(hours=49))
    await floor.hosting.catch_up()

    assert await _seen(floor, "rep-1") == {"O1"}
    assert await _seen(floor, "rep-2") == {"O2"}
    assert await _seen(floor, "boss-1") == {"O1"}
    for role in ("auditor", "director"):
        assert await _seen(floor, role) == {"O1", "O2"}
    move = MoveUnit(unit_id="team-2", parent_id="north", now=floor.clock())
    await floor.handle("directory", UNIT_TREE, "T1", move)
    away = MoveUnit(unit_id="team-1", parent_id="south", now=floor.clock())
    await floor.handle("directory", UNIT_TREE, "T1", away)
    await floor.hosting.catch_up()
    assert await _seen(floor, "boss-1") == {"O2"}
    assert await _seen(floor, "rep-1") == {"O1"}


async def _seen(floor: SalesFloor, key: str) -> set[str]:
    """What the ways to look at opportunities show, which must be one and the same."""
    board = {row["opportunity_id"] for row in (await floor.shown("/boards/silence", key))["rows"]}
    signals = {row["subject_id"] for row in (await floor.shown("/signals", key))["rows"]}
    one_by_one, timelines = set(), set()
    for name in ("O1", "O2"):
        if (await floor.get(f"/opportunities/{name}", key)).status_code == 200:
            one_by_one.add(name)
        if (await floor.get(f"/timelines/opportunity/{name}", key)).status_code == 200:
            timelines.add(name)
    assert board == signals == one_by_one == timelines, key
    return board
