"""What the pages are measured with: 100,000 opportunities of 2,600 reps in 1,300 shops.

Seven in eight were opened within two days and are open, some of them silent too long; the others
went through every stage within the last quarter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid4, uuid5

from benchmarks.silence_board import LIMIT_HOURS, TENANT
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit
from services.embedded import open_embedded
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    ChangeStage,
    LogAction,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityCommand,
    WinOpportunity,
)
from services.opportunities.domain.pipeline import (
    PIPELINE,
    STANDARD_PIPELINE,
    PublishPipeline,
)
from services.opportunities.domain.valid_action import ActionDraft
from shared.command_handling import CommandContext, CommandHandling, Run, Step
from shared.envelope import Origin
from shared.events.opportunities import ActionTypeDefinition, GoldenAction
from shared.hosting import Hosting

OPPORTUNITIES = 100_000
REGIONS = 10
SHOPS = 1_300
REPS = 2_600
SILENT = 0.1
"""Of those open, if nobody had done anything about them."""
DAYS = 80
CLOSED_DAYS = 10
"""The youngest that is closed was opened so long ago: longer than five stays last."""
A_COMMIT = 5_000
STAGES = tuple(stage.name for stage in STANDARD_PIPELINE.stages)
GOLDEN = ("discovery_call", "needs_sheet", "demonstration", "objection_talk", "contract_review")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One opportunity: when it was opened and entered stages, in their order, when its rep acted
    and what came of it in the end."""

    number: int
    opened_at: datetime
    entered: tuple[datetime, ...]
    acted: tuple[tuple[datetime, str], ...]
    closed_at: datetime | None = None
    is_won: bool = False

    @property
    def opportunity_id(self) -> str:
        return f"O-{self.number:06}"

    @property
    def origin(self) -> str:
        """What is overdue counts of the oldest open ones only: the others are history."""
        is_overdue = self.closed_at is None and self.number >= (1 - 2 * SILENT) * OPPORTUNITIES
        return Origin.LIVE if is_overdue else Origin.IMPORT

    @property
    def rep_id(self) -> str:
        return f"rep-{self.number % REPS}"

    @property
    def unit_path(self) -> tuple[str, ...]:
        return path_of(self.number % SHOPS)


def path_of(shop: int) -> tuple[str, ...]:
    return ("company", f"region-{shop % REGIONS}", f"shop-{shop:04}")


def courses(now: datetime) -> list[Course]:
    """The youngest first of those open; all times to the millisecond."""
    step = LIMIT_HOURS / (1 - SILENT) * _HOUR / OPPORTUNITIES
    return [
        _closed(number, now) if number % 8 == 7 else _open(number, now - (number + 1) * step, now)
        for number in range(OPPORTUNITIES)
    ]


def _open(number: int, opened_at: datetime, now: datetime) -> Course:
    age = now - opened_at
    moves = (number % 2 == 0) + (number % 4 == 0) + (number % 16 == 0)
    entered = tuple(
        _to_the_millisecond(opened_at + age * 0.2 * (each + 1)) for each in range(moves)
    )
    acted = ((_to_the_millisecond(opened_at + age * 0.1), GOLDEN[0]),) if number % 3 == 0 else ()
    return Course(
        number=number,
        opened_at=_to_the_millisecond(opened_at),
        entered=entered,
        acted=acted,
    )


def _closed(number: int, now: datetime) -> Course:
    opened_at = _to_the_millisecond(
        now - timedelta(days=CLOSED_DAYS + DAYS * number / OPPORTUNITIES)
    )
    stay = (20 + number % 24) * _HOUR
    entered = tuple(opened_at + (each + 1) * stay for each in range(number % 5))
    begins = (opened_at, *entered)
    acted = [
        (each + _HOUR, GOLDEN[stage])
        for stage, each in enumerate(begins)
        if (number // 8 + stage) % 4
    ]
    return Course(
        number=number,
        opened_at=opened_at,
        entered=entered,
        acted=tuple(acted),
        closed_at=begins[-1] + stay,
        is_won=len(entered) == len(STAGES) - 1,
    )


def _to_the_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


async def fill(folder: Path) -> datetime:
    """Units, people, the pipeline and every course, with all that follows from them; answers when
    `courses` ended."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = courses(now)
    async with open_embedded(folder) as hosting:
        await _organisation(hosting, now - timedelta(days=CLOSED_DAYS + DAYS + 1))
        handling = hosting.ports.commands("opportunities")
        await handling.handle(
            PIPELINE, "standard", PublishPipeline(pipeline=PIPELINE_USED, now=now), _context(now)
        )
        for start in range(0, OPPORTUNITIES, A_COMMIT):
            await _happened(handling, made[start : start + A_COMMIT])
            await hosting.catch_up(runners=False)
        await hosting.catch_up()
    return now


async def _happened(handling: CommandHandling, part: list[Course]) -> None:
    refused = await handling.handle_runs(OPPORTUNITY, [_run(each) for each in part])
    flaws = [each for run in refused for each in run if each]
    assert not flaws, flaws[:3]
    handling.forget_states()


PIPELINE_USED = replace(
    STANDARD_PIPELINE,
    version=2,
    unmet="record",
    stages=tuple(
        replace(stage, golden_actions=(GoldenAction(action=action),))
        for stage, action in zip(STANDARD_PIPELINE.stages, GOLDEN, strict=True)
    ),
)


def _run(course: Course) -> Run:
    return Run(
        course.opportunity_id,
        [Step(each, _context(each.now, course.origin), uuid4()) for each in _commands(course)],
    )


def _commands(course: Course) -> Iterator[OpportunityCommand]:
    named, opened_at = course.opportunity_id, course.opened_at
    yield OpenOpportunity(
        opportunity_id=named,
        customer_id=f"C-{named}",
        customer_is_key=course.number % 5 == 0,
        customer_industry=("retail", "pharmacy", "tools")[course.number % 3],
        pipeline=PIPELINE_USED,
        unit_id=course.unit_path[-1],
        unit_path=course.unit_path,
        owner_id=course.rep_id,
        zone="Asia/Shanghai",
        occurred_at=opened_at,
        now=opened_at,
    )
    later: list[tuple[datetime, OpportunityCommand]] = [
        (
            at,
            ChangeStage(opportunity_id=named, stage=stage, reason="agreed", occurred_at=at, now=at),
        )
        for stage, at in zip(STAGES[1:], course.entered, strict=False)
    ]
    later += [(at, _acted(course, at, kind)) for at, kind in course.acted]
    for _, command in sorted(later, key=lambda each: each[0]):
        yield command
    at = course.closed_at
    if at is not None and course.is_won:
        yield WinOpportunity(opportunity_id=named, occurred_at=at, now=at)
    elif at is not None:
        yield LoseOpportunity(opportunity_id=named, reason="price", occurred_at=at, now=at)


def _acted(course: Course, at: datetime, kind: str) -> LogAction:
    return LogAction(
        opportunity_id=course.opportunity_id,
        action_id=str(uuid4()),
        definition=ActionTypeDefinition(type=kind),
        draft=ActionDraft(summary=_told(course, at)),
        actor_id=course.rep_id,
        actor_unit_id=course.unit_path[-1],
        actor_unit_path=course.unit_path,
        occurred_at=at,
        now=at,
    )


def _told(course: Course, at: datetime) -> str:
    """No two alike: nobody doubts these records."""
    return uuid5(NAMESPACE_OID, f"{course.opportunity_id} {at}").hex


def _context(at: datetime, origin: str = Origin.LIVE) -> CommandContext:
    """An imported one was entered as soon as it happened."""
    return CommandContext(
        tenant_id=TENANT,
        actor_id=None,
        occurred_at=at,
        entered_at=at,
        origin=origin,
        correlation_id="benchmark",
    )


async def _organisation(hosting: Hosting, since: datetime) -> None:
    directory = hosting.ports.commands("directory")
    for unit_id, kind, parent_id in _units():
        unit = AddUnit(
            unit_id=unit_id, name=f"the {unit_id}", parent_id=parent_id, kind=kind, now=since
        )
        await directory.handle(UNIT_TREE, TENANT, unit, _context(since))
    for number in range(REPS):
        person = AddPerson(
            person_id=f"rep-{number}",
            unit_id=path_of(number % SHOPS)[-1],
            name=None,
            language="en",
            now=since,
        )
        await directory.handle(PERSON, person.person_id, person, _context(since))
    await hosting.catch_up()


def _units() -> Iterator[tuple[str, str, str]]:
    for number in range(REGIONS):
        yield f"region-{number}", "region", "company"
    for number in range(SHOPS):
        _, region, shop = path_of(number)
        yield shop, "store", region
