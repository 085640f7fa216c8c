"""The directory over HTTP, on the embedded host, with a key per role."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.tenant import TENANT, CreateTenant
from services.embedded import open_embedded
from services.opportunities.domain.opportunity import OPPORTUNITY
from shared.clock import VirtualClock
from shared.command_handling import CommandContext
from shared.decider import Decider
from shared.envelope import Origin
from shared.hosting import Hosting, application
from shared.http import key_hash
from tests.domain.opportunity_examples import open_o1

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
BASE = "/api/v1"


@dataclass
class Directory:
    """A running directory; `keys` holds one key per role, on the root of the tenant `T1`."""

    hosting: Hosting
    http: httpx.AsyncClient
    clock: VirtualClock
    keys: dict[str, str]

    async def post(
        self, path: str, body: Any, key: str = "administrator", **headers: str
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.keys[key]}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(BASE + path, json=body, headers=sent)

    async def get(self, path: str, key: str = "administrator") -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.keys[key]}"}
        return await self.http.get(BASE + path, headers=sent)

    async def told(self, path: str, body: Any, key: str = "administrator") -> dict[str, Any]:
        response = await self.post(path, body, key)
        assert response.status_code in (200, 201), response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def handle(
        self, decider: Decider[Any, Any, Any], aggregate_id: str, command: Any, tenant: str = "T1"
    ) -> None:
        context = CommandContext(
            tenant_id=tenant, actor_id=None, occurred_at=NOW, correlation_id="test"
        )
        commands = self.hosting.ports.commands("directory")
        await commands.handle(decider, aggregate_id, command, context)

    async def create_key(
        self, name: str, role: str, unit_id: str = "company", tenant: str = "T1"
    ) -> None:
        self.keys[name] = f"key-{name}"
        command = CreateApiKey(
            key_id=f"K-{name}",
            key_hash=key_hash(self.keys[name]),
            role=role,
            unit_id=unit_id,
            person_id=None,
            name=name,
            now=NOW,
        )
        await self.handle(API_KEY, command.key_id, command, tenant)


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[Directory]:
    clock = VirtualClock(NOW)
    async with open_embedded(tmp_path / "installation", clock=clock) as hosting:
        transport = httpx.ASGITransport(application(hosting), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            running = Directory(hosting, http, clock, {})
            for tenant in ("T1", "T2"):
                command = CreateTenant(tenant_id=tenant, zone="Asia/Shanghai", now=NOW)
                await running.handle(TENANT, tenant, command, tenant)
            for role in ("administrator", "operator", "auditor", "manager"):
                await running.create_key(role, role)
            await running.create_key("elsewhere", "administrator", tenant="T2")
            await hosting.catch_up()
            yield running


async def with_region(directory: Directory) -> None:
    """Regions north and south, rep P1 in the north, and an administrator of the north only."""
    for region in ("north", "south"):
        await directory.told("/units", {"unit_id": region, "name": region, "kind": "region"})
    await directory.told("/people", {"person_id": "P1", "name": "Li Na", "unit_id": "north"})
    await directory.create_key("north", "administrator", "north")


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_new_tenant_has_a_root_unit_and_the_published_calendars(
    directory: Directory,
) -> None:
    units = (await directory.get("/units")).json()["rows"]
    assert [(unit["unit_id"], unit["path"]) for unit in units] == [("company", ["company"])]
    years = (await directory.get("/calendars")).json()["rows"]
    assert [(year["year"], year["provisional"]) for year in years] == [(2025, False), (2026, False)]
    assert years[1]["days"]["2026-10-01"] is False


async def test_only_the_operator_makes_tenants(directory: Directory) -> None:
    assert (await directory.post("/tenants", {"tenant_id": "T3"})).status_code == 403
    created = await directory.post("/tenants", {"tenant_id": "T3"}, "operator")
    assert created.status_code == 201
    assert created.json()["tenant_id"] == "T3"
    rows = (await directory.get("/tenants", "operator")).json()["rows"]
    assert [row["tenant_id"] for row in rows] == ["T1", "T2", "T3"]


async def test_a_tenant_with_a_zone_that_does_not_exist_is_refused(directory: Directory) -> None:
    body = {"tenant_id": "T3", "zone": "Asia/Nowhere"}
    refused = await directory.post("/tenants", body, "operator")
    assert code_of(refused) == (422, "settings-do-not-fit")
    assert refused.json()["errors"][0]["field"] == "zone"


async def test_units_are_added_moved_and_renamed(directory: Directory) -> None:
    await with_region(directory)
    added = await directory.post("/units", {"name": "Team 1", "parent_id": "north"})
    assert added.status_code == 201
    team = added.json()["unit_id"]
    moved = await directory.post(f"/units/{team}/move", {"parent_id": "south"})
    assert moved.json()["parent_id"] == "south"
    await directory.told(f"/units/{team}/rename", {"name": "Team One"})
    shown = (await directory.get(f"/units/{team}")).json()
    assert (shown["name"], shown["path"]) == ("Team One", ["company", "south", team])


async def test_units_are_refused_with_the_reason(directory: Directory) -> None:
    await with_region(directory)
    unknown_parent = await directory.post("/units", {"name": "x", "parent_id": "west"})
    assert code_of(unknown_parent) == (409, "not-yet-known")
    assert unknown_parent.headers["Retry-After"]
    cycle = await directory.post("/units/north/move", {"parent_id": "north"})
    assert code_of(cycle) == (409, "unit-would-contain-itself")
    unknown = await directory.post("/units/west/move", {"parent_id": "north"})
    assert code_of(unknown) == (404, "not-found")
    wrong_kind = await directory.post("/units", {"name": "x", "kind": "gang"})
    assert code_of(wrong_kind) == (422, "malformed")
    unknown_field = await directory.post("/units", {"name": "x", "colour": "red"})
    assert code_of(unknown_field) == (422, "malformed")


async def test_who_was_faster_wins_and_the_other_is_told(directory: Directory) -> None:
    version = (await directory.get("/units")).headers["ETag"]
    first = await directory.post("/units", {"name": "north"}, If_Match=version)
    assert first.status_code == 201
    second = await directory.post("/units", {"name": "south"}, If_Match=version)
    assert second.status_code == 412


async def test_a_repeated_creation_gives_the_first_answer(directory: Directory) -> None:
    body = {"name": "north", "kind": "region"}
    first = await directory.post("/units", body, Idempotency_Key="once")
    again = await directory.post("/units", body, Idempotency_Key="once")
    assert again.json() == first.json()
    other = await directory.post("/units", {"name": "south"}, Idempotency_Key="once")
    assert code_of(other) == (409, "idempotency-key-reused")
    assert len((await directory.get("/units")).json()["rows"]) == 2


async def test_a_person_is_added_moved_granted_and_leaves(directory: Directory) -> None:
    await with_region(directory)
    moved = await directory.told("/people/P1/move", {"unit_id": "south"})
    assert moved["unit_id"] == "south"
    granted = await directory.told("/people/P1/give-grant", {"role": "manager"})
    assert granted["grants"] == [{"role": "manager", "unit_id": "company"}]
    await directory.told("/people/P1/withdraw-grant", {"role": "manager"})
    await directory.told("/people/P1/set-address", {"channel": "email", "address": "li@x.org"})
    await directory.told("/people/P1/rename", {"name": "Li Ming"})
    left = await directory.told("/people/P1/leave", {})
    assert left["left_at"] == "2026-03-02T09:00:00.000Z"
    shown = (await directory.get("/people/P1")).json()
    assert shown["name"] == "Li Ming"
    assert shown["grants"] == []
    assert shown["addresses"] == {"email": "li@x.org"}
    refused = await directory.post("/people/P1/move", {"unit_id": "north"})
    assert code_of(refused) == (409, "person-has-left")


async def test_addresses_are_shown_only_to_who_keeps_them(directory: Directory) -> None:
    await with_region(directory)
    shown = (await directory.get("/people/P1", "manager")).json()
    assert shown["name"] == "Li Na"
    assert "addresses" not in shown


async def test_no_answer_that_is_kept_holds_a_name_or_an_address(directory: Directory) -> None:
    await with_region(directory)
    body = {"channel": "email", "address": "li@x.org"}
    kept = await directory.post("/people/P1/set-address", body, Idempotency_Key="once")
    assert "li@x.org" not in kept.text
    assert "Li Na" not in kept.text


async def test_people_are_listed_by_page_and_unit(directory: Directory) -> None:
    await with_region(directory)
    for person_id in ("P2", "P3"):
        await directory.told("/people", {"person_id": person_id, "unit_id": "south"})
    first = (await directory.get("/people?limit=2")).json()
    assert [row["person_id"] for row in first["rows"]] == ["P1", "P2"]
    rest = (await directory.get(f"/people?limit=2&cursor={first['next_cursor']}")).json()
    assert [row["person_id"] for row in rest["rows"]] == ["P3"]
    assert rest["next_cursor"] is None
    below = (await directory.get("/people?unit=north")).json()
    assert [row["person_id"] for row in below["rows"]] == ["P1"]


async def test_people_are_refused_with_the_reason(directory: Directory) -> None:
    await with_region(directory)
    unknown_unit = await directory.post("/people", {"person_id": "P2", "unit_id": "west"})
    assert code_of(unknown_unit) == (409, "not-yet-known")
    unknown = await directory.post("/people/P9/move", {"unit_id": "north"})
    assert code_of(unknown) == (404, "not-found")
    taken = await directory.post("/people", {"person_id": "P1", "unit_id": "south"})
    assert code_of(taken) == (409, "person-already-exists")
    future = {"unit_id": "south", "occurred_at": LATER.isoformat()}
    assert code_of(await directory.post("/people/P1/move", future)) == (422, "malformed")
    wrong_role = await directory.post("/people/P1/give-grant", {"role": "emperor"})
    assert code_of(wrong_role) == (422, "malformed")


async def test_an_administrator_of_a_region_stays_within_it(directory: Directory) -> None:
    await with_region(directory)
    inside = {"person_id": "P2", "unit_id": "north"}
    assert (await directory.post("/people", inside, "north")).status_code == 201
    for path, body in (
        ("/people", {"person_id": "P3", "unit_id": "south"}),
        ("/people/P1/move", {"unit_id": "south"}),
        ("/people/P1/give-grant", {"role": "director", "unit_id": "company"}),
        ("/units", {"name": "x", "parent_id": "company"}),
        ("/units/south/rename", {"name": "x"}),
        ("/keys", {"role": "director"}),
        ("/settings", {"settings": {"light_green": 0.8}}),
        ("/calendars", {"year": 2025}),
        ("/go-live", {}),
    ):
        assert code_of(await directory.post(path, body, "north")) == (403, "forbidden"), path


async def test_nobody_but_an_operator_makes_operators(directory: Directory) -> None:
    await with_region(directory)
    grant = await directory.post("/people/P1/give-grant", {"role": "operator"})
    assert code_of(grant) == (403, "forbidden")
    assert code_of(await directory.post("/keys", {"role": "operator"})) == (403, "forbidden")


async def test_an_administrator_of_a_region_makes_nobody_who_sees_beyond_it(
    directory: Directory,
) -> None:
    await directory.told("/units", {"unit_id": "north", "name": "north"})
    await directory.told("/people", {"person_id": "P1", "unit_id": "north"})
    await directory.create_key("northern", "administrator", "north")
    for role in ("auditor", "marketing"):
        body = {"role": role, "unit_id": "north"}
        for path in ("/keys", "/people/P1/give-grant"):
            assert code_of(await directory.post(path, body, "northern")) == (403, "forbidden")
            assert (await directory.post(path, body)).status_code in (200, 201)
    manager = {"role": "manager", "unit_id": "north"}
    assert (await directory.post("/keys", manager, "northern")).status_code == 201


async def test_an_operator_who_makes_a_tenant_again_learns_nothing_of_it(
    directory: Directory,
) -> None:
    await directory.told("/settings", {"settings": {"approval_limit_hours": 24}})
    answer = await directory.told("/tenants", {"tenant_id": "T1"}, "operator")
    assert answer["tenant_id"] == "T1"
    assert "approval_limit_hours" not in str(answer)


async def test_absurd_times_of_people_are_refused(directory: Directory) -> None:
    await directory.told("/people", {"person_id": "P1", "unit_id": "company"})
    await directory.told("/units", {"unit_id": "north", "name": "north"})
    for time in ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"):
        for path, body, field in (
            ("/people", {"person_id": "P2", "joined_at": time}, "joined_at"),
            ("/people/P1/move", {"unit_id": "north", "occurred_at": time}, "occurred_at"),
            ("/people/P1/leave", {"occurred_at": time}, "occurred_at"),
        ):
            refused = await directory.post(path, body)
            assert code_of(refused) == (422, "malformed"), refused.text
            assert [each["field"] for each in refused.json()["errors"]] == [field]
    before_they_came = {"occurred_at": "2020-01-01T00:00:00Z"}
    refused = await directory.post("/people/P1/leave", before_they_came)
    assert code_of(refused) == (409, "out-of-date")
    assert (await directory.get("/people?unit=nowhere")).status_code == 404


async def test_nothing_crosses_tenants(directory: Directory) -> None:
    await with_region(directory)
    assert (await directory.get("/people/P1", "elsewhere")).status_code == 404
    move = await directory.post("/people/P1/move", {"unit_id": "company"}, "elsewhere")
    assert move.status_code == 404
    assert (await directory.get("/units/north", "elsewhere")).status_code == 404
    assert (await directory.post("/keys/K-manager/revoke", {}, "elsewhere")).status_code == 404


async def test_settings_are_shown_and_changed(directory: Directory) -> None:
    changed = await directory.told("/settings", {"settings": {"light_green": 0.8}})
    assert changed["settings"]["light_green"] == [{"value": 0.8, "effective_at": None}]
    shown = (await directory.get("/settings", "auditor")).json()
    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["light_green"]["value"] == 0.8
    assert rows["light_yellow"]["value"] == rows["light_yellow"]["default"] == 0.7
    assert (await directory.get("/settings", "manager")).status_code == 403


async def test_settings_that_do_not_fit_are_named(directory: Directory) -> None:
    body = {"settings": {"light_green": 2, "colour": "red"}}
    refused = await directory.post("/settings", body)
    assert code_of(refused) == (422, "settings-do-not-fit")
    fields = [problem["field"] for problem in refused.json()["errors"]]
    assert fields == ["settings.colour", "settings.light_green"]


async def test_calendar_days_can_be_given_by_hand(directory: Directory) -> None:
    body = {"year": 2027, "days": {"2027-02-08": False}, "source": "notice"}
    assert 2027 in (await directory.told("/calendars", body))["calendar_years"]
    organisation = await directory.hosting.ports.organisations.of("T1")
    assert not organisation.calendar(NOW).is_working_day(date(2027, 2, 8))
    stray = {"year": 2027, "days": {"2026-02-08": False}}
    assert code_of(await directory.post("/calendars", stray)) == (422, "malformed")


async def test_a_tenant_goes_live_once(directory: Directory) -> None:
    first = await directory.told("/go-live", {})
    directory.clock.move_to(LATER)
    again = await directory.told("/go-live", {})
    assert first["live_at"] == again["live_at"] == "2026-03-02T09:00:00.000Z"
    assert again["events"] == []


async def open_opportunity(directory: Directory, origin: Origin) -> None:
    commands = directory.hosting.ports.commands("opportunities")
    context = CommandContext(
        tenant_id="T1", actor_id=None, occurred_at=NOW, correlation_id="test", origin=origin
    )
    opening = replace(
        open_o1(),
        opportunity_id=f"O-{origin}",
        owner_id=None,
        unit_id="company",
        unit_path=("company",),
    )
    await commands.handle(OPPORTUNITY, opening.opportunity_id, opening, context)
    await directory.hosting.catch_up(runners=False)


async def test_imported_history_keeps_the_clock_and_the_first_live_opportunity_ends_it(
    directory: Directory,
) -> None:
    await open_opportunity(directory, Origin.IMPORT)
    assert (await directory.get("/settings")).json()["live_at"] is None
    directory.clock.move_to(LATER)
    await open_opportunity(directory, Origin.LIVE)
    assert (await directory.get("/settings")).json()["live_at"] == "2026-03-03T09:00:00.000Z"


async def test_a_key_is_shown_once_works_and_is_revoked(directory: Directory) -> None:
    created = await directory.post("/keys", {"role": "auditor"}, Idempotency_Key="once")
    assert created.status_code == 201
    directory.keys["new"] = created.json()["key"]
    assert (await directory.get("/settings", "new")).status_code == 200
    again = await directory.post("/keys", {"role": "auditor"}, Idempotency_Key="once")
    assert again.json() == created.json() | {"key": None}
    listed = (await directory.get("/keys")).json()["rows"]
    assert directory.keys["new"] not in str(listed)
    await directory.told(f"/keys/{created.json()['key_id']}/revoke", {})
    assert (await directory.get("/settings", "new")).status_code == 401


async def test_a_key_for_somebody_unknown_is_not_yet_known(directory: Directory) -> None:
    refused = await directory.post("/keys", {"role": "rep", "person_id": "P9"})
    assert code_of(refused) == (409, "not-yet-known")


async def test_a_key_opens_nothing_once_its_person_has_left(directory: Directory) -> None:
    await directory.told("/people", {"person_id": "P1", "unit_id": "company"})
    created = await directory.told("/keys", {"role": "rep", "person_id": "P1"})
    directory.keys["P1"] = created["key"]
    assert (await directory.get("/units", "P1")).status_code == 200
    await directory.told("/people/P1/leave", {})
    assert code_of(await directory.get("/units", "P1")) == (401, "unauthenticated")
    another = await directory.post("/keys", {"role": "rep", "person_id": "P1"})
    assert code_of(another) == (409, "person-has-left")


async def test_a_move_told_late_happened_when_it_is_said_to_have(directory: Directory) -> None:
    """By its own route and by a line of a batch alike."""
    joined, moved, left = ("2026-01-05T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-20T00:00:00Z")
    await directory.told("/units", {"unit_id": "north", "name": "north"})
    for who in ("P1", "P2"):
        person = {"person_id": who, "unit_id": "company", "joined_at": joined}
        await directory.told("/people", person)
    await directory.told("/people/P1/move", {"unit_id": "north", "occurred_at": moved})
    await directory.told("/people/P1/leave", {"occurred_at": left})
    lines = (
        '{"command": "move-person", "id": "1", "person_id": "P2", "unit_id": "north",'
        f' "occurred_at": "{moved}"}}\n'
        f'{{"command": "person-leaves", "id": "2", "person_id": "P2", "occurred_at": "{left}"}}\n'
    )
    headers = {
        "Authorization": f"Bearer {directory.keys['administrator']}",
        "Content-Type": "application/x-ndjson",
    }
    await directory.http.post(f"{BASE}/commands", content=lines, headers=headers)
    for who in ("P1", "P2"):
        stored = await directory.hosting.ports.event_store.read_stream(f"T1/person/{who}")
        happened = [event.occurred_at.isoformat() for event in stored[1:]]
        assert happened == [moved.replace("Z", "+00:00"), left.replace("Z", "+00:00")]


async def test_without_a_key_nothing_opens(directory: Directory) -> None:
    assert (await directory.http.get(f"{BASE}/units")).status_code == 401
    directory.keys["made-up"] = "pt_made-up"
    assert (await directory.get("/units", "made-up")).status_code == 401


async def test_lines_of_a_batch_stand_for_themselves(directory: Directory) -> None:
    lines = (
        '{"command": "add-unit", "id": "1", "unit_id": "north", "name": "north"}\n'
        '{"command": "add-person", "id": "2", "person_id": "P1", "unit_id": "nowhere"}\n'
        '{"command": "add-person", "id": "3", "person_id": "P2", "unit_id": "company"}\n'
        '{"command": "rename-person", "id": "4", "person_id": "P2", "name": "Li"}\n'
        '{"command": "rename-person", "id": "5", "name": "Li"}\n'
    )
    response = await directory.http.post(
        f"{BASE}/commands",
        content=lines,
        headers={
            "Authorization": f"Bearer {directory.keys['administrator']}",
            "Content-Type": "application/x-ndjson",
        },
    )
    answers = [httpx.Response(200, text=line).json() for line in response.text.splitlines()]
    outcomes = [(each["id"], each["outcome"]) for each in answers]
    assert outcomes == [
        ("1", "done"),
        ("2", "refused"),
        ("3", "done"),
        ("4", "done"),
        ("5", "refused"),
    ]
    assert answers[4]["problem"]["errors"][0]["field"] == "person_id"


async def test_a_repeated_furnishing_adds_nothing(directory: Directory) -> None:
    store = directory.hosting.ports.event_store
    head = await store.head("directory", 0)
    furnishing = next(
        each for each in directory.hosting.subscriptions if "furnishing" in each.target.name
    )
    recorded = await store.read_log("directory", 0, 0, 1)
    opened = directory.hosting.ports.codec.decode(recorded[0])
    await furnishing.target.react([opened])  # type: ignore[union-attr]  # a reaction by its name
    assert await store.head("directory", 0) == head


async def test_people_can_be_added_by_other_ways_than_http(directory: Directory) -> None:
    command = AddPerson(person_id="P7", unit_id="company", name="Wu", language="zh", now=NOW)
    await directory.handle(PERSON, "P7", command)
    assert (await directory.get("/people/P7")).json()["name"] == "Wu"
