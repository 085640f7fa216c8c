"""Goals set, cascaded, reached and red (P9); data quality (P14); what is signalled of figures."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.opportunities.domain.action_type import DEFAULT_ACTION_TYPES
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    LogAction,
    OpenOpportunity,
    WinOpportunity,
)
from services.opportunities.domain.pipeline import STANDARD_PIPELINE
from services.opportunities.domain.valid_action import ActionDraft
from tests.oracle import behaviour
from tests.oracle.behaviour import Told, Window
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

MARCH: Window = (datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC))
PATHS = {"rep-1": ("company", "north", "team-1"), "rep-2": ("company", "south", "team-2")}
TYPES = {each.type: each for each in DEFAULT_ACTION_TYPES}
DAY = timedelta(days=1)
NAMES = ("Hongda", "Renmin", "Yixin", "Kangtai", "Baoling", "Fuxing")


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


async def leads_log(floor: SalesFloor) -> list[Told]:
    stored = await floor.hosting.ports.event_store.read_log("leads", 0, 0, 100_000)
    return behaviour.told([each for each in stored if each.tenant_id == "T1"])


async def lead(floor: SalesFloor, number: int, unit: str = "team-1", **more: Any) -> None:
    body = {"lead_id": f"L{number}", "customer_id": f"C{number}", "unit_id": unit, **more}
    await floor.told("/leads", {"source": "referral", **body}, "director")


async def to_rep(floor: SalesFloor, number: int, rep: str = "rep-1") -> None:
    await floor.told(f"/leads/L{number}/assign", {"owner_id": rep}, "director")


async def until(floor: SalesFloor, moment: datetime) -> None:
    floor.clock.move_to(moment)
    await floor.hosting.catch_up()


async def goal(floor: SalesFloor, target: float, metric: str = "valid_leads", **of: str) -> Any:
    body = {"metric": metric, "target": target, **of}
    return await floor.told("/goals/2026-03/set", body, "director")


async def metrics(floor: SalesFloor, path: str = "") -> dict[Any, dict[str, Any]]:
    rows = (await floor.shown(f"/boards/goals?month=2026-03{path}"))["rows"]
    return {
        (row["unit_id"], row["rep_id"]): {each["metric"]: each for each in row["metrics"]}
        for row in rows
    }


async def test_goals_are_cascaded_from_headquarters_to_rep(floor: SalesFloor) -> None:
    await goal(floor, 5, unit_id="company")
    cascade = {"unit_id": "company", "metric": "valid_leads"}
    answer = await floor.told("/goals/2026-03/cascade", cascade, "director")
    held = {each["scope_id"]: each["target"] for each in answer["goals"]}
    assert (held["north"], held["south"]) == (3, 2)
    assert (held["team-1"], held["team-2"]) == (3, 2)
    assert held["rep-2"] == 2
    await floor.hosting.catch_up()
    shown = await metrics(floor, "&unit=team-2")
    assert shown["team-2", None]["valid_leads"]["target"] == 2


async def test_a_goal_that_is_not_there_cannot_be_cascaded(floor: SalesFloor) -> None:
    cascade = {"unit_id": "company", "metric": "valid_leads"}
    answer = await floor.post("/goals/2026-03/cascade", cascade, "director")
    assert code_of(answer) == (409, "there-is-no-goal-to-cascade")


@pytest.mark.parametrize(
    ("key", "status"), [("rep-1", 403), ("auditor", 403), ("boss-1", 409), ("director", 200)]
)
async def test_goals_are_set_by_those_who_lead(floor: SalesFloor, key: str, status: int) -> None:
    """boss-1 leads the north, not the south."""
    body = {"metric": "valid_leads", "target": 3, "unit_id": "south"}
    answer = await floor.post("/goals/2026-03/set", body, key)
    assert answer.status_code == status


async def test_half_a_lead_is_no_goal(floor: SalesFloor) -> None:
    body = {"metric": "valid_leads", "target": 2.5, "unit_id": "north"}
    answer = await floor.post("/goals/2026-03/set", body, "director")
    assert answer.json()["errors"][0]["code"] == "not-whole"


async def test_attainment_is_live_and_what_is_not_built_is_absent(floor: SalesFloor) -> None:
    await goal(floor, 4, unit_id="north")
    await goal(floor, 2, person_id="rep-1")
    for number in range(4):
        await lead(floor, number, budget_status=("oral", "written", "untouched", None)[number])
        await to_rep(floor, number)
    await lead(floor, 9, unit="team-2", budget_status="oral")
    await to_rep(floor, 9, "rep-2")
    await floor.told("/leads/L1/disqualify", {"reason": "no need"}, "director")
    await until(floor, NOW + timedelta(minutes=1))

    shown = await metrics(floor, "&unit=north")

    of_north = shown["north", None]
    assert (of_north["valid_leads"]["actual"], of_north["valid_leads"]["attainment"]) == (1, 0.25)
    assert shown["team-1", "rep-1"]["valid_leads"]["attainment"] == 0.5
    assert of_north["basket_growth"]["absent"] == "O18"
    wanted = behaviour.valid_leads(await leads_log(floor), MARCH)
    assert wanted["north", None] == 1
    assert (
        wanted["company", None] == (await metrics(floor))["company", None]["valid_leads"]["actual"]
    )
    why = await floor.shown("/boards/goals/why?unit=north&month=2026-03&figure=valid_leads")
    assert why["leads"] == ["L0"]
    assert {event["type"] for event in why["events"]} == {
        "leads.lead_assigned.v1",
        "leads.lead_captured.v1",
    }


async def test_valid_leads_count_where_their_rep_is_at_the_end(floor: SalesFloor) -> None:
    for unit_id in ("north", "south"):
        await goal(floor, 1, unit_id=unit_id)
    await lead(floor, 1, budget_status="oral")
    await to_rep(floor, 1)
    await floor.hosting.catch_up()
    await floor.told("/people/rep-1/move", {"unit_id": "team-2"}, "administrator")
    await until(floor, NOW + timedelta(minutes=1))

    found = {
        unit_id: (await metrics(floor, f"&unit={unit_id}"))[unit_id, None]["valid_leads"]["actual"]
        for unit_id in ("north", "south")
    }

    assert found == {"north": 0, "south": 1}
    wanted = behaviour.valid_leads(await leads_log(floor), MARCH)
    assert (wanted.get(("north", None), 0), wanted["south", None]) == (0, 1)


async def test_data_quality_is_what_the_log_says(floor: SalesFloor) -> None:
    contact = {"contact_id": "K", "name": "Wang Fang", "role": "KP"}
    for number in range(6):
        customer = {"customer_id": f"C{number}", "name": NAMES[number]}
        people = {"contacts": [contact]} if number % 2 else {}
        await floor.told("/customers", {**customer, **people}, "director")
        needs = {"core_needs": ["cost"], "budget_status": "oral"} if number < 2 else {}
        await lead(floor, number, unit=("team-1", "team-2")[number % 2], **needs)
    await floor.told("/customers/C0/merge", {"into_customer_id": "C1"}, "director")
    await until(floor, NOW + 2 * DAY)
    await until(floor, NOW + 2 * DAY + timedelta(minutes=1))

    events = await leads_log(floor)
    wanted = behaviour.data_quality(events, MARCH)
    rows = (await floor.shown("/boards/data-quality?month=2026-03"))["rows"]
    assert {
        row["unit_id"]: (
            row["leads"],
            row["duplicates"],
            round(row["completeness"] * row["leads"] * 3),
        )
        for row in rows
    } == {unit: wanted[unit] for unit in ("company", "north", "south")}
    [company, *_] = rows
    assert (company["leads"], company["duplicate_rate"]) == (6, pytest.approx(1 / 6))
    assert company["completeness_by_field"]["decision_chain"] == 0.5
    assert sum(each["leads"] for each in company["score_distribution"]) == company["scored"] == 6
    why = await floor.shown("/boards/data-quality/why?month=2026-03&figure=duplicates")
    assert (why["value"], why["leads"]) == (1, ["L0"])
    before = await floor.shown("/boards/data-quality?month=2026-02")
    assert (before["rows"][0]["leads"], before["rows"][0]["duplicate_rate"]) == (0, None)


async def duplicates_shown(floor: SalesFloor) -> tuple[int, int]:
    """As the board and a reckoning of our own say, with those that wait to be reviewed."""
    floor.clock.move_to(floor.clock() + timedelta(minutes=1))
    await floor.hosting.catch_up()
    [row, *_] = (await floor.shown("/boards/data-quality?month=2026-03"))["rows"]
    wanted = behaviour.data_quality(await leads_log(floor), MARCH)
    assert row["duplicates"] == wanted["company"][1]
    assert row["duplicate_rate"] == pytest.approx(row["duplicates"] / row["leads"])
    return row["duplicates"], row["unreviewed_duplicates"]


async def look_alike_leads(floor: SalesFloor, count: int) -> None:
    """That of the greatest number is there first."""
    for number in reversed(range(count)):
        floor.clock.move_to(floor.clock() + timedelta(minutes=1))
        customer = {"customer_id": f"C{number}", "name": NAMES[number]}
        await floor.told("/customers", customer, "director")
        await floor.told(f"/customers/C{number}/describe", {"name": "Kangning"}, "director")
        await lead(floor, number)


async def test_look_alikes_are_duplicates_before_anybody_reviews_them(floor: SalesFloor) -> None:
    """All but the first: merging them moves no rate, telling them apart lowers it."""
    await look_alike_leads(floor, 4)
    assert await duplicates_shown(floor) == (3, 3)
    why = await floor.shown("/boards/data-quality/why?month=2026-03&figure=duplicates")
    assert why["leads"] == ["L0", "L1", "L2"]
    await floor.told("/customers/C1/merge", {"into_customer_id": "C0"}, "director")
    assert await duplicates_shown(floor) == (3, 2)
    await floor.told("/customers/C0/merge", {"into_customer_id": "C2"}, "director")
    assert await duplicates_shown(floor) == (3, 1)
    await floor.told("/customers/C3/keep-apart", {"other_customer_id": "C2"}, "director")
    assert await duplicates_shown(floor) == (2, 0)
    await floor.told("/customers/C0/undo-merge", {}, "director")
    assert await duplicates_shown(floor) == (2, 1)


async def test_who_was_confirmed_as_new_is_no_duplicate_whatever_is_said_of_them_later(
    floor: SalesFloor,
) -> None:
    await look_alike_leads(floor, 1)
    new = {"customer_id": "C1", "name": "Kangning", "confirmed_as_new": True}
    await floor.told("/customers", new, "director")
    await floor.told("/customers/C1/describe", {"name": "Kangning Ltd"}, "director")
    await lead(floor, 1)
    assert await duplicates_shown(floor) == (0, 0)


async def test_who_is_described_otherwise_by_then_looks_like_nobody(floor: SalesFloor) -> None:
    await look_alike_leads(floor, 2)
    assert await duplicates_shown(floor) == (1, 1)
    await floor.told("/customers/C0/describe", {"name": "Renmin"}, "director")
    assert await duplicates_shown(floor) == (0, 0)


async def test_reps_are_shown_no_departments_data(floor: SalesFloor) -> None:
    await lead(floor, 1)
    await floor.hosting.catch_up()
    assert (await floor.shown("/boards/data-quality", "rep-1"))["rows"] == []


async def opened(floor: SalesFloor, deal: str, rep: str, customer: str) -> None:
    now = floor.clock()
    command = OpenOpportunity(
        opportunity_id=deal,
        customer_id=customer,
        pipeline=STANDARD_PIPELINE,
        unit_id=PATHS[rep][-1],
        unit_path=PATHS[rep],
        owner_id=rep,
        zone="Asia/Shanghai",
        occurred_at=now,
        now=now,
    )
    await floor.handle("opportunities", OPPORTUNITY, deal, command)


async def logged(
    floor: SalesFloor, deal: str, rep: str, kind: str = "call", late: timedelta = timedelta()
) -> None:
    now = floor.clock()
    command = LogAction(
        opportunity_id=deal,
        action_id=str(floor.hosting.ports.new_id()),
        definition=TYPES[kind],
        draft=ActionDraft(),
        actor_id=rep,
        actor_unit_id=PATHS[rep][-1],
        actor_unit_path=PATHS[rep],
        occurred_at=now - late,
        now=now,
    )
    await floor.handle("opportunities", OPPORTUNITY, deal, command)


async def signals(floor: SalesFloor, rule: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await floor.shown(f"/signals?rule={rule}&limit=500"))["rows"]
    return rows


async def test_a_coach_is_needed_after_two_low_months(floor: SalesFloor) -> None:
    await opened(floor, "O1", "rep-1", "C1")
    await opened(floor, "O2", "rep-2", "C2")
    for days in (3, 33):
        assert await signals(floor, "coach_needed") == []
        await until(floor, NOW + days * DAY)
        await logged(floor, "O1", "rep-1", late=timedelta(hours=25))
        await logged(floor, "O2", "rep-2", late=timedelta(hours=24))
    await until(floor, datetime(2026, 4, 30, 16, 0, 1, tzinfo=UTC))
    [signal] = await signals(floor, "coach_needed")
    assert (signal["subject_kind"], signal["subject_id"]) == ("person", "rep-1")
    assert (signal["window"], signal["due_at"]) == ("2026-04", "2026-04-30T16:00:00.000Z")
    why = await floor.shown(f"/why/{signal['signal_id']}")
    assert "timeliness" in why["sentences"][0]


async def test_a_light_that_turns_red_is_a_signal_once(floor: SalesFloor) -> None:
    await opened(floor, "O1", "rep-1", "C1")
    await logged(floor, "O1", "rep-1", "proposal_sent")
    await until(floor, NOW + 5 * DAY)
    await logged(floor, "O1", "rep-1", "proposal_sent")
    await until(floor, NOW + 13 * DAY)
    red = [row for row in await signals(floor, "light_red") if row["subject_id"] == "team-1"]
    assert [row["window"] for row in red] == []
    await until(floor, NOW + 15 * DAY)
    red = [row for row in await signals(floor, "light_red") if row["subject_id"] == "team-1"]
    assert [(row["window"], row["state"]) for row in red] == [("2026-W11", "open")]
    why = await floor.shown(f"/why/{red[0]['signal_id']}")
    assert "reaction" in why["sentences"][0]


async def test_a_reaction_that_comes_to_be_known_late_takes_the_red_back(
    floor: SalesFloor,
) -> None:
    await opened(floor, "O1", "rep-1", "C1")
    await logged(floor, "O1", "rep-1", "proposal_sent")
    await until(floor, NOW + 15 * DAY)
    assert await signals(floor, "light_red")
    late = timedelta(days=12)
    await logged(floor, "O1", "rep-1", "feedback_received", late=late)
    await until(floor, NOW + 15 * DAY + timedelta(hours=2))
    assert await signals(floor, "light_red") == []


async def test_leads_on_target_with_first_visits_that_do_not_close_are_red(
    floor: SalesFloor,
) -> None:
    await goal(floor, 1, unit_id="north")
    await goal(floor, 1, unit_id="south")
    for number, (rep, unit) in enumerate((("rep-1", "team-1"), ("rep-2", "team-2"))):
        await lead(floor, number, unit=unit, budget_status="oral")
        await to_rep(floor, number, rep)
        await floor.told(f"/leads/L{number}/contact", {"type": "call"}, rep)
        await opened(floor, f"O{number}", rep, f"C{number}")
        await logged(floor, f"O{number}", rep, "visit")
    now = floor.clock()
    won = WinOpportunity(opportunity_id="O1", occurred_at=now + DAY, now=now + DAY)
    floor.clock.move_to(now + DAY)
    await floor.handle("opportunities", OPPORTUNITY, "O1", won)
    await until(floor, MARCH[1] + 90 * DAY)
    assert await signals(floor, "goal_red") == []
    await until(floor, MARCH[1] + 90 * DAY + timedelta(seconds=1))

    rows = (await floor.shown("/boards/goals?month=2026-03"))["rows"]
    assert {row["unit_id"]: row["red"] for row in rows if row["rep_id"] is None} == {
        "company": False,
        "north": True,
        "south": False,
    }
    [signal] = await signals(floor, "goal_red")
    assert (signal["subject_id"], signal["window"]) == ("north", "2026-03")
    why = await floor.shown("/boards/goals/why?unit=north&month=2026-03&figure=first_visit_rate")
    assert (why["value"], why["opportunities"]["visited"]) == (0.0, ["O0"])


async def test_revisions_without_questions_are_signalled_and_end_with_questions(
    floor: SalesFloor,
) -> None:
    await opened(floor, "O1", "rep-1", "C1")
    for number in range(4):
        floor.clock.move_to(NOW + (number + 1) * timedelta(hours=1))
        assert await signals(floor, "revisions_warning") == []
        await logged(floor, "O1", "rep-1", "proposal_revised")
        await until(floor, floor.clock() + timedelta(minutes=1))
    [signal] = await signals(floor, "revisions_warning")
    assert (signal["subject_id"], signal["state"]) == ("O1", "open")
    [row] = (await floor.shown("/boards/revisions", "rep-1"))["rows"]
    assert (row["revisions"], row["customer_questions"]) == (4, 0)
    assert (await floor.shown("/boards/revisions", "rep-2"))["rows"] == []
    why = await floor.shown("/boards/revisions/why?figure=revisions&opportunity=O1")
    assert (why["value"], len(why["events"])) == (4, 4)


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("action-health", "index"),
        ("action-health", "timeliness"),
        ("traffic-lights", "entered"),
        ("traffic-lights", "rate"),
    ],
)
async def test_a_figure_leads_to_its_events(floor: SalesFloor, name: str, figure: str) -> None:
    await opened(floor, "O1", "rep-1", "C1")
    await logged(floor, "O1", "rep-1")
    await until(floor, NOW + DAY)
    path = f"/boards/{name}/why?unit=team-1&rep=rep-1&month=2026-03&figure={figure}"
    why = await floor.shown(path)
    assert why["sentences"]
    assert why["events"]
    assert code_of(await floor.get(f"/boards/{name}/why?figure=nothing")) == (422, "malformed")
