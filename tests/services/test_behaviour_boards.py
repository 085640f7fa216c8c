"""Boards of actions, lights, goals, revisions and data: the same as the pure walk over the log."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from services.opportunities.domain.action_type import DEFAULT_ACTION_TYPES
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    AttachEvidence,
    ChangeStage,
    LogAction,
    OpenOpportunity,
    VoidAction,
    WinOpportunity,
)
from services.opportunities.domain.pipeline import STANDARD_PIPELINE
from services.opportunities.domain.valid_action import ActionDraft
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    StartVisit,
    SummariseVisit,
)
from services.projections.queries.asking import Asker, Question
from services.projections.queries.boards import asker_of, board
from shared.events.opportunities import ActionField, Evidence, NextAction
from tests.oracle import behaviour
from tests.oracle.behaviour import Told, Window
from tests.services.sales_floor import NOW, SalesFloor, sales_floor

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARCH: Window = (datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC))
TYPES = {each.type: each for each in DEFAULT_ACTION_TYPES}
PATHS = {"rep-1": ("company", "north", "team-1"), "rep-2": ("company", "south", "team-2")}
ASKED = (ActionField(name="out_of_stock", kind="text", required=True),)
PHOTOS = ("photo_storefront", "photo_display", "photo_conversation")
QUESTIONS = ActionField(name="customer_questions", kind="number")
DAY = timedelta(days=1)
LAST = NOW + 60 * DAY


class Story:
    """Two months of two reps with twelve deals, made up the same way every time."""

    def __init__(self, floor: SalesFloor) -> None:
        self.floor = floor
        self.chance = Random(7)
        self.number = 0

    async def tell(self, deal: str, command: Any) -> None:
        await self.floor.handle("opportunities", OPPORTUNITY, deal, command)

    async def run(self) -> None:
        deals = {f"O{number}": ("rep-1", "rep-2")[number % 2] for number in range(12)}
        for number, (deal, rep) in enumerate(deals.items()):
            self.floor.clock.move_to(NOW + number * timedelta(hours=1))
            await self.open(deal, rep, number)
        for step in range(90):
            self.floor.clock.move_to(NOW + DAY + step * (58 * DAY / 90))
            deal = self.chance.choice(sorted(deals))
            await self.act(deal, deals[deal])
        for deal in ("O0", "O1", "O2"):
            now = self.floor.clock()
            await self.tell(deal, WinOpportunity(opportunity_id=deal, occurred_at=now, now=now))
        self.floor.clock.move_to(LAST)
        await self.floor.hosting.catch_up()

    async def open(self, deal: str, rep: str, number: int) -> None:
        now = self.floor.clock()
        command = OpenOpportunity(
            opportunity_id=deal,
            customer_id=f"C{number % 7}",
            customer_type=("pharmacy", "clinic")[number % 2],
            pipeline=STANDARD_PIPELINE,
            unit_id=PATHS[rep][-1],
            unit_path=PATHS[rep],
            owner_id=rep,
            zone="Asia/Shanghai",
            occurred_at=now - timedelta(hours=self.chance.choice([0, 3, 24, 25, 70])),
            now=now,
        )
        await self.tell(deal, command)

    async def act(self, deal: str, rep: str) -> None:
        what = self.chance.choice(
            ["visit"] * 3 + ["log"] * 3 + ["propose", "revise", "revise", "void", "move"]
        )
        match what:
            case "visit":
                await self.visit(deal, rep)
            case "move":
                now = self.floor.clock()
                for stage in ("needs_confirmed", "solution_shown"):
                    move = ChangeStage(
                        opportunity_id=deal,
                        stage=stage,
                        recorded_history=True,
                        reason="so be it",
                        occurred_at=now,
                        now=now,
                    )
                    await self.tell(deal, move)
            case "void" if self.number:
                await self.log(deal, rep, "call")
                void = VoidAction(
                    opportunity_id=deal, action_id=f"A{self.number}", now=self.floor.clock()
                )
                await self.tell(deal, void)
            case "propose":
                await self.log(deal, rep, "proposal_sent")
            case "revise":
                await self.log(deal, rep, "proposal_revised")
            case _:
                kinds = ["call", "message", "feedback_received", "quote", "sample", "visit"]
                await self.log(deal, rep, self.chance.choice(kinds))

    async def log(self, deal: str, rep: str, kind: str, ago: timedelta | None = None) -> None:
        self.number += 1
        now = self.floor.clock()
        late = timedelta(hours=self.chance.choice([0, 1, 5, 24, 24.5, 30]))
        definition = TYPES[kind]
        definition = type(definition)(
            **{
                **{name: getattr(definition, name) for name in definition.__dataclass_fields__},
                "fields": (*definition.fields, QUESTIONS),
            }
        )
        questions = self.chance.choice([None, None, None, 1])
        command = LogAction(
            opportunity_id=deal,
            action_id=f"A{self.number}",
            definition=definition,
            draft=ActionDraft(
                summary=self.chance.choice([None, "short", "long enough to count"]),
                fields={"customer_questions": questions},
                pain_point=self.number % 3 == 0,
            ),
            actor_id=rep,
            actor_unit_id=PATHS[rep][-1],
            actor_unit_path=PATHS[rep],
            occurred_at=now - (late if ago is None else ago),
            now=now,
        )
        await self.tell(deal, command)

    async def visit(self, deal: str, rep: str) -> None:
        self.number += 1
        visit_id, now = f"V{self.number}", self.floor.clock()
        begun = now - timedelta(hours=self.chance.choice([1, 2, 30]))
        start = StartVisit(
            opportunity_id=deal,
            action_id=visit_id,
            definition=TYPES["visit"],
            asked=ASKED,
            door_id="D1",
            code_id="K1",
            door_customer_id=f"C{int(deal[1:]) % 7}",
            place=None,
            position=None,
            next_action_within_seconds=7 * 24 * 3600,
            actor_id=rep,
            actor_unit_id=PATHS[rep][-1],
            actor_unit_path=PATHS[rep],
            occurred_at=begun,
            now=now,
        )
        await self.tell(deal, start)
        nodes = [*PHOTOS, "fields", "next_action", "summary"]
        self.chance.shuffle(nodes)
        extra = self.chance.sample(["recording", "document", "signature", "minutes"], 2)
        if self.chance.random() < 0.2:
            nodes.pop()
        for number, node in enumerate([*extra, *nodes]):
            at = begun + number * timedelta(minutes=self.chance.choice([1, 2, 300]))
            await self.tell(deal, self.node(deal, visit_id, node, min(at, now)))
        if self.chance.random() < 0.5:
            await self.log(deal, rep, "quote", ago=now - begun - timedelta(minutes=3))

    def node(self, deal: str, visit_id: str, node: str, at: datetime) -> Any:
        named: dict[str, Any] = {
            "opportunity_id": deal,
            "action_id": visit_id,
            "occurred_at": at,
            "now": at,
        }
        match node:
            case "fields":
                return FillVisit(fields={"out_of_stock": "aspirin"}, **named)
            case "next_action":
                return BookVisitNextAction(
                    next_action=NextAction(due_at=at + 2 * DAY, type="call"), **named
                )
            case "summary":
                said = self.chance.choice(["brief", "a proper summary"])
                pain_point = self.number % 2 == 0
                return SummariseVisit(
                    definition=TYPES["visit"], summary=said, pain_point=pain_point, **named
                )
            case _:
                consent = True if node == "recording" else None
                sha256 = f"{self.number:04d}{len(node):02d}".ljust(64, "a")
                piece = Evidence(sha256=sha256, kind=node, consent=consent)
                return AttachEvidence(evidence=(piece,), **named)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SalesFloor]:
    path: Path = tmp_path_factory.mktemp("behaviour")
    async with sales_floor(path) as running:
        await Story(running).run()
        yield running


async def log_of(floor: SalesFloor, name: str = "opportunities") -> list[Told]:
    stored = await floor.hosting.ports.event_store.read_log(name, 0, 0, 100_000)
    return behaviour.told([each for each in stored if each.tenant_id == "T1"])


async def asker(floor: SalesFloor) -> Asker:
    return await asker_of(floor.hosting.ports, "T1", None, floor.clock())


async def rows(floor: SalesFloor, name: str, **asked: Any) -> list[dict[str, Any]]:
    question = Question(**asked)
    answer = await board(floor.hosting.ports, await asker(floor), name, question)
    found: list[dict[str, Any]] = answer["rows"]
    return found


UNITS = ("company", "north", "team-1", "team-2")
MOMENTS = (NOW + 9 * DAY, NOW + 21 * DAY, LAST)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("at", MOMENTS)
async def test_action_health_is_what_the_log_says(
    floor: SalesFloor, unit: str, at: datetime
) -> None:
    wanted = behaviour.action_health(await log_of(floor), (MARCH[0], min(at, MARCH[1])))
    found = await rows(floor, "action-health", unit_id=unit, month="2026-03", as_of=at)
    assert len(found) > 1
    for row in found:
        scope = (unit if row["rep_id"] else row["unit_id"], row["rep_id"])
        for part, figure in wanted[scope].items():
            assert row[part] == pytest.approx(figure), (scope, part)
    reps = {scope[1] for scope in wanted if scope[0] == unit and scope[1]}
    assert {row["rep_id"] for row in found} == reps | {None}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("at", MOMENTS)
async def test_traffic_lights_are_what_the_log_says(
    floor: SalesFloor, unit: str, at: datetime
) -> None:
    events = await log_of(floor)
    wanted = behaviour.traffic_lights(events, (MARCH[0], min(at, MARCH[1])))
    found = await rows(floor, "traffic-lights", unit_id=unit, month="2026-03", as_of=at)
    for row in found:
        scope = (unit if row["rep_id"] else row["unit_id"], row["rep_id"])
        assert (row["met"], row["due"]) == wanted.get((scope, row["measure"]), (0, 0))
    counted = {(row["rep_id"], row["measure"]) for row in found if row["due"] and row["rep_id"]}
    assert counted == {
        (scope[1], light) for (scope, light) in wanted if scope[0] == unit and scope[1]
    }


@pytest.mark.parametrize("at", MOMENTS)
async def test_the_revisions_warning_is_what_the_log_says(floor: SalesFloor, at: datetime) -> None:
    wanted = behaviour.revisions(await log_of(floor), at)
    found = await rows(floor, "revisions", as_of=at)
    assert {
        row["opportunity_id"]: (row["revisions"], row["customer_questions"]) for row in found
    } == wanted


async def test_somebody_is_warned_of_revisions(floor: SalesFloor) -> None:
    assert behaviour.revisions(await log_of(floor), LAST)


async def test_visits_are_signalled_where_the_log_says_so(floor: SalesFloor) -> None:
    wanted = behaviour.incomplete(await log_of(floor), LAST)
    found = (await floor.shown("/signals?rule=visit_incomplete&limit=500"))["rows"]
    assert len(found) == len(wanted) > 2
    assert {row["subject_id"] for row in found} == {deal for deal, _visit in wanted}


@pytest.mark.parametrize("unit", UNITS)
async def test_first_visits_and_days_are_what_the_log_says(floor: SalesFloor, unit: str) -> None:
    floor.clock.move_to(MARCH[1] + 91 * DAY)
    events = await log_of(floor)
    now = floor.clock()
    wanted = behaviour.first_visits(events, MARCH, now)
    days = behaviour.days_with_two(events, MARCH, "Asia/Shanghai")
    found = await rows(floor, "goals", unit_id=unit, month="2026-03")
    assert sum(row["first_visits"]["visited"] for row in found) > 0
    for row in found:
        scope = (unit if row["rep_id"] else row["unit_id"], row["rep_id"])
        counted = (row["first_visits"]["closed"], row["first_visits"]["visited"])
        assert counted == wanted.get(scope, (0, 0)), scope
        if row["rep_id"]:
            working = {day for day in days.get(scope, set()) if is_working(day)}
            assert row["days_with_enough_actions"] == len(working)
            assert row["days"] == 22


@pytest.mark.parametrize("unit", UNITS)
async def test_the_quality_of_what_is_recorded_is_what_the_log_says(
    floor: SalesFloor, unit: str
) -> None:
    wanted = behaviour.qualities(await log_of(floor), MARCH)
    found = await rows(floor, "goals", unit_id=unit, month="2026-03")
    for row in found:
        scope = (unit if row["rep_id"] else row["unit_id"], row["rep_id"])
        actions, pain_point, next_step = wanted.get(scope, (0, 0, 0))
        assert row["qualified_actions"] == {
            "actions": actions,
            "pain_point": pain_point,
            "next_step": next_step,
            "pain_point_rate": pain_point / actions if actions else None,
            "next_step_rate": next_step / actions if actions else None,
        }
    actions, pain_point, next_step = wanted["company", None]
    assert 0 < pain_point < actions
    assert 0 < next_step < actions


async def test_the_quality_opens_to_the_actions_behind_it(floor: SalesFloor) -> None:
    found = await floor.shown("/boards/goals/why?month=2026-03&figure=pain_point_rate")
    actions, pain_point, _next = behaviour.qualities(await log_of(floor), MARCH)["company", None]
    assert len({each["event_id"] for each in found["events"]}) == pain_point
    assert found["value"] == pytest.approx(pain_point / actions)
    assert found["sentences"] == [
        f"pain point mentioned: in {pain_point} of {actions} qualified actions of 2026-03."
    ]


def is_working(day: date) -> bool:
    return day.weekday() < 5
