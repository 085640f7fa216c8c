"""A planted case of every rule of authenticity is found with its proof, told, decided (S4)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.embedded import LOGS
from shared.clock import iso
from shared.codec import NewEvent
from shared.command_handling import derived_id
from shared.envelope import Envelope, stream_name
from shared.event_store import Append, Verdict
from shared.events.opportunities import (
    ActionLogged,
    ActionTypeDefined,
    ActionTypeDefinition,
    DateRule,
    Evidence,
    EvidenceAttached,
    ExifCheck,
)
from shared.events.visits import VisitStarted
from shared.http import BASE
from tests.oracle import authenticity
from tests.oracle.behaviour import told
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import code_of

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SHANGHAI, SUZHOU = (31.23, 121.474), (31.299, 120.585)
GENUINE = {"verdict": "genuine", "reason": "The visits never took place"}
PHOTO = "b" * 64


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Monday 17:00 in Shanghai, live; O1 is open. In the end every case is one that a reckoning of
    our own finds, too, and none is missing."""
    async with alarm_floor(tmp_path) as running:
        await running.floor.open()
        await running.settle()
        yield running
        assert await disagreements(running) == []


async def disagreements(alarm: AlarmFloor) -> list[str]:
    """Of the cases with a reckoning of our own."""
    ports = alarm.floor.hosting.ports
    stored = [e for log in LOGS for e in await ports.event_store.read_log(log, 0, 0, 10_000)]
    ours = [each for each in stored if each.tenant_id == "T1"]
    actions = [each for each in ours if each.log == "opportunities"]
    opened = await ports.codec.open([ports.codec.decode(each) for each in actions])
    said = {
        (each.stored.stream, each.stored.version): str(each.event.summary)
        for each in opened
        if getattr(each.event, "summary", None) is not None
    }
    return authenticity.disagreements(told(ours), said, "Asia/Shanghai", alarm.now)


class Planting:
    """Puts actions into the log as the opportunities would."""

    def __init__(self, alarm: AlarmFloor) -> None:
        self.alarm = alarm
        self.number = 0

    async def recorded(self, aggregate: str, event: Any) -> None:
        ports = self.alarm.floor.hosting.ports
        stream = stream_name("T1", "opportunity", aggregate)
        version = len(await ports.event_store.read_stream(stream))
        envelope = Envelope("T1", "rep-1", self.alarm.now, "live", "test")
        encoded = await ports.codec.seal([NewEvent(event, derived_id(stream, version), envelope)])
        [outcome] = await ports.event_store.append(
            [Append("opportunities", stream, version, encoded)]
        )
        assert outcome.verdict is Verdict.DONE

    async def action(self, happened_at: datetime, **more: Any) -> str:
        self.number += 1
        action_id = f"A{self.number:03}"
        said: dict[str, Any] = {
            "opportunity_id": "O1",
            "action_id": action_id,
            "type": "visit",
            "customer_id": "C1",
            "subject": "customer/C1",
            "actor_id": "rep-1",
            "actor_unit_id": "team-1",
            "actor_unit_path": ("company", "north", "team-1"),
            "happened_at": happened_at,
        }
        await self.recorded("O1", ActionLogged(**{**said, **more}))
        return action_id


@pytest.fixture
def plant(alarm: AlarmFloor) -> Planting:
    return Planting(alarm)


async def cases(alarm: AlarmFloor, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await alarm.floor.shown(f"/authenticity-cases{query}", "boss-1"))[
        "rows"
    ]
    return rows


async def proof(alarm: AlarmFloor, case: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"/authenticity-cases/{case['case_id']}"
    lines: list[dict[str, Any]] = (await alarm.floor.shown(path, "boss-1"))["proof"]
    return lines


async def burst(alarm: AlarmFloor, plant: Planting) -> dict[str, Any]:
    for hours in range(5):
        await plant.action(alarm.now - DAY - hours * HOUR)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    return case


async def test_an_entry_burst_is_found(alarm: AlarmFloor, plant: Planting) -> None:
    case = await burst(alarm, plant)
    assert (case["rule"], case["rep_id"], case["state"]) == ("entry_burst", "rep-1", "open")
    assert case["unit_id"] == "team-1"
    lines = await proof(alarm, case)
    assert [line["figures"]["late_hours"] for line in lines] == [24.0, 25.0, 26.0, 27.0, 28.0]


async def test_a_burst_that_goes_on_is_the_same_case(alarm: AlarmFloor, plant: Planting) -> None:
    await burst(alarm, plant)
    await plant.action(alarm.now - DAY)
    await alarm.settle(after=MINUTE)
    await alarm.settle()
    assert len(await cases(alarm)) == 1


async def test_a_template_is_found_though_summaries_are_sealed(
    alarm: AlarmFloor, plant: Planting
) -> None:
    for _ in range(5):
        await plant.action(alarm.now, summary="客户态度良好，继续跟进。")
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert (case["rule"], case["facts"]) == ("template", {"actions": 5, "of_last": 5})
    assert "客户" not in str(await proof(alarm, case))


async def test_a_month_made_up_at_its_end_is_found_when_it_is_over(
    alarm: AlarmFloor, plant: Planting
) -> None:
    for day in range(1, 32):
        if day in (4, 11, 18, 20) or day >= 28:
            for _ in range(2 if day >= 28 else 1):
                await plant.action(alarm.now, type="call")
        await alarm.settle(after=DAY)
    assert alarm.now.day == 2
    [case] = await cases(alarm)
    assert case["rule"] == "month_end"
    assert case["facts"]["month"] == "2026-03"
    assert len(case["actions"]) == case["facts"]["together"]


async def test_a_gap_made_up_in_one_day_is_found(alarm: AlarmFloor, plant: Planting) -> None:
    stage = {"name": "leads", "golden_action": [{"action": "visit"}]}
    body = {"pipeline": {"name": "field"}, "stage": [stage, {"name": "offer"}]}
    await alarm.floor.told("/pipelines", body, "administrator")
    for _ in range(3):
        await plant.action(alarm.now)
        await alarm.settle(after=7 * DAY)
    await alarm.settle(after=7 * DAY)
    for _ in range(3):
        await plant.action(alarm.now)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert case["rule"] == "gap"
    assert case["facts"]["kind"] == "visit"
    assert len(case["actions"]) == 3


async def visited(
    plant: Planting, at: datetime, where: tuple[float, float], off: float = 0.0
) -> str:
    action_id = await plant.action(at)
    visit = VisitStarted(
        opportunity_id="O1",
        action_id=action_id,
        customer_id="C1",
        customer_type=None,
        door_id="D1",
        code_id="K1",
        actor_id="rep-1",
        place_latitude=where[0],
        place_longitude=where[1],
        scan_distance_metres=off,
        asked=(),
        next_action_within_seconds=7 * 86_400,
        scanned_at=at,
    )
    await plant.recorded("O1", visit)
    return action_id


async def test_two_towns_in_half_an_hour_are_found(alarm: AlarmFloor, plant: Planting) -> None:
    first = await visited(plant, alarm.now, SHANGHAI)
    second = await visited(plant, alarm.now + 30 * MINUTE, SUZHOU)
    await alarm.settle(after=HOUR)
    [case] = await cases(alarm)
    assert case["rule"] == "place_and_time"
    assert case["facts"]["speed_kmh"] > 150
    assert [line["action_id"] for line in await proof(alarm, case)] == [first, second]


async def test_a_visit_scanned_elsewhere_is_found(alarm: AlarmFloor, plant: Planting) -> None:
    await visited(plant, alarm.now, SHANGHAI, off=1_200.0)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert case["facts"] == {"metres_from_customer": 1_200}


async def test_a_photo_of_another_place_and_time_is_found(
    alarm: AlarmFloor, plant: Planting
) -> None:
    exif = ExifCheck(taken_at=alarm.now - 2 * DAY, distance_metres=900.0)
    photo = Evidence(sha256=PHOTO, kind="photo_storefront", exif=exif)
    await plant.action(alarm.now, evidence=(photo,))
    await plant.action(alarm.now, evidence=(Evidence(sha256="c" * 64, kind="photo_display"),))
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert case["facts"] == {"photo_metres_off": 900, "photo_minutes_off": 2 * 24 * 60}


async def scanned_elsewhere_then_photographed(
    alarm: AlarmFloor, plant: Planting, verdict: dict[str, str] | None
) -> None:
    """The scan at once, the photos an hour later, 40 km and three days off."""
    action_id = await visited(plant, alarm.now, SHANGHAI, off=400.0)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    if verdict is not None:
        await alarm.floor.told(f"/authenticity-cases/{case['case_id']}/decide", verdict, "boss-1")
    exif = ExifCheck(taken_at=alarm.now - 3 * DAY, distance_metres=40_000.0)
    attached = EvidenceAttached(
        opportunity_id="O1",
        action_id=action_id,
        subject="customer/C1",
        evidence=(Evidence(sha256=PHOTO, kind="photo_storefront", exif=exif),),
        attached_at=alarm.now,
        invalid_reasons=(),
    )
    await plant.recorded("O1", attached)
    await alarm.settle(after=HOUR)
    await alarm.settle()


async def test_what_photos_prove_later_is_added_to_the_case_of_their_scan(
    alarm: AlarmFloor, plant: Planting
) -> None:
    await scanned_elsewhere_then_photographed(alarm, plant, None)
    [case] = await cases(alarm)
    assert case["facts"]["metres_from_customer"] == 400
    assert case["facts"]["photo_metres_off"] == 40_000
    [line] = await proof(alarm, case)
    assert set(line["figures"]) == set(case["facts"])


async def test_what_photos_prove_after_the_scan_was_found_false_is_another_case(
    alarm: AlarmFloor, plant: Planting
) -> None:
    found = {"verdict": "false", "reason": "The customer had moved"}
    await scanned_elsewhere_then_photographed(alarm, plant, found)
    told = {each["state"]: each["facts"] for each in await cases(alarm)}
    assert told["false"] == {"metres_from_customer": 400}
    assert told["open"]["photo_metres_off"] == 40_000


async def test_a_photo_used_twice_is_found(alarm: AlarmFloor) -> None:
    content = b"\xff\xd8\xff a storefront"
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "image/jpeg"}
    await alarm.floor.http.put(f"{BASE}/evidence", content=content, headers=headers)
    photo = {"sha256": sha256(content).hexdigest(), "kind": "photo_storefront"}
    for number in (1, 2):
        body = {"action_id": f"A{number}", "type": "visit", "evidence": [photo]}
        await alarm.floor.told("/opportunities/O1/log-action", body, "rep-1")
        await alarm.settle(after=HOUR)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert (case["rule"], case["facts"]) == ("place_and_time", {"reused_from": "A1"})
    assert [line["action_id"] for line in await proof(alarm, case)] == ["A1", "A2"]


async def test_a_broken_date_rule_is_found(alarm: AlarmFloor, plant: Planting) -> None:
    rule = DateRule(earlier="reported_at", later="occurred_at", limit_seconds=30 * 86_400)
    definition = ActionTypeDefinition(type="report_follow_up", date_rules=(rule,))
    await plant.recorded("types", ActionTypeDefined(definition=definition))
    reported = {"reported_at": iso(alarm.now - 31 * DAY)}
    await plant.action(alarm.now, type="report_follow_up", fields=reported)
    await alarm.settle(after=MINUTE)
    [case] = await cases(alarm)
    assert (case["rule"], case["facts"]["hours_over"]) == ("dates", 24.0)


async def test_a_case_is_told_to_the_manager_and_not_to_the_rep(
    alarm: AlarmFloor, plant: Planting
) -> None:
    case = await burst(alarm, plant)
    [signal] = (await alarm.floor.shown("/signals?rule=records_in_doubt", "boss-1"))["rows"]
    assert (signal["subject_id"], signal["state"]) == (case["case_id"], "open")
    assert signal["facts"]["doubt"] == "entry_burst"
    escalated = (await alarm.escalations("boss-1")).values()
    assert "records_in_doubt" in {each["rule"] for each in escalated}
    assert (await alarm.floor.shown("/signals?rule=records_in_doubt", "rep-1"))["rows"] == []
    refused = await alarm.floor.get("/authenticity-cases", "rep-1")
    assert code_of(refused) == (403, "forbidden")


async def test_a_manager_decides_a_case_with_a_reason(alarm: AlarmFloor, plant: Planting) -> None:
    case = await burst(alarm, plant)
    path = f"/authenticity-cases/{case['case_id']}"
    answer = await alarm.floor.told(f"{path}/decide", GENUINE, "boss-1")
    assert answer["state"] == "genuine"
    await alarm.settle()
    shown = await alarm.floor.shown(path, "boss-1")
    assert (shown["state"], shown["reason"]) == ("genuine", "The visits never took place")
    assert shown["decided_by"] == "boss-1"
    [signal] = (await alarm.floor.shown("/signals?rule=records_in_doubt", "boss-1"))["rows"]
    assert signal["state"] == "resolved"
    again = await alarm.floor.post(f"{path}/decide", {**GENUINE, "verdict": "false"}, "boss-1")
    assert code_of(again) == (409, "case-is-decided")


async def test_cases_of_other_units_are_not_seen(alarm: AlarmFloor, plant: Planting) -> None:
    case = await burst(alarm, plant)
    path = f"/authenticity-cases/{case['case_id']}"
    assert code_of(await alarm.floor.get(path, "elsewhere")) == (404, "not-found")
    assert (await alarm.floor.shown("/authenticity-cases", "elsewhere"))["rows"] == []


async def test_cases_are_filtered_and_paged(alarm: AlarmFloor, plant: Planting) -> None:
    for number in range(3):
        await visited(plant, alarm.now, SHANGHAI, off=1_000.0 + number)
        await alarm.settle(after=DAY)
    first = await alarm.floor.shown("/authenticity-cases?limit=2", "boss-1")
    assert [each["facts"]["metres_from_customer"] for each in first["rows"]] == [1_002, 1_001]
    rest = await alarm.floor.shown(
        f"/authenticity-cases?limit=2&cursor={first['next_cursor']}", "boss-1"
    )
    assert [each["facts"]["metres_from_customer"] for each in rest["rows"]] == [1_000]
    assert rest["next_cursor"] is None
    assert await cases(alarm, "?rule=template") == []
    assert len(await cases(alarm, "?rule=place_and_time&rep=rep-1&unit=north")) == 3
    assert await cases(alarm, "?state=genuine") == []


async def test_a_rule_that_was_mostly_wrong_only_marks(alarm: AlarmFloor, plant: Planting) -> None:
    for _ in range(20):
        await visited(plant, alarm.now, SHANGHAI, off=1_000.0)
        await alarm.settle(after=MINUTE)
    for case in await cases(alarm, "?limit=500"):
        body = {"verdict": "false", "reason": "The gate is far from the door"}
        path = f"/authenticity-cases/{case['case_id']}/decide"
        await alarm.floor.told(path, body, "boss-1")
    await alarm.settle()
    rules = (await alarm.floor.shown("/authenticity-rules", "boss-1"))["rows"]
    [place] = [each for each in rules if each["rule"] == "place_and_time"]
    assert place["precision"] == pytest.approx(1 / 22)
    assert place["only_marks"]
    assert [each["precision"] for each in rules if each["decided"] == 0] == [None] * 5
    await visited(plant, alarm.now, SHANGHAI, off=1_000.0)
    await alarm.settle(after=MINUTE)
    [marked] = await cases(alarm, "?state=open")
    assert marked["only_marks"]
    signals = (await alarm.floor.shown("/signals?rule=records_in_doubt", "boss-1"))["rows"]
    assert "open" not in {each["state"] for each in signals}


async def test_settings_of_the_tenant_move_the_limits(alarm: AlarmFloor, plant: Planting) -> None:
    settings = {"settings": {"doubt_distance_metres": 2_000}}
    await alarm.floor.told("/settings", settings, "administrator")
    await visited(plant, alarm.now, SHANGHAI, off=1_200.0)
    await alarm.settle(after=MINUTE)
    assert await cases(alarm) == []


async def test_a_record_that_was_voided_is_not_doubted(alarm: AlarmFloor) -> None:
    floor = alarm.floor
    happened = iso(alarm.now - 30 * HOUR)
    for number in range(5):
        body = {"action_id": f"V{number}", "type": "call", "occurred_at": happened}
        await floor.told("/opportunities/O1/log-action", body, "rep-1")
    await floor.told("/opportunities/O1/void-action", {"action_id": "V4"}, "rep-1")
    await alarm.settle(after=MINUTE)
    assert await cases(alarm) == []
