"""How an opportunity walks through its stages: forward, skipping, back, silent, won or lost."""

from datetime import timedelta
from random import Random

from services.cli.demonstration.approving import approve
from services.cli.demonstration.course import Course
from services.cli.demonstration.wording import LOST_BECAUSE
from services.opportunities.domain.opportunity_commands import (
    ChangeStage,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)

_LARGE = 400_000
_REVISED_IN, _REVISES = 3, 0.12


def walk(course: Course) -> None:
    """From opening to closing, or until it is forgotten for good."""
    course.open()
    stages = course.beginning.pipeline.stages
    will_win = course.happens(course.temperament.wins)
    lost_in = None if will_win else course.chance.randrange(len(stages))
    number = 0
    while True:
        for _ in range(course.chance.randint(1, 3)):
            course.touch()
        if course.happens(course.temperament.falls_silent) and not _wakes_up(course):
            return
        if number == lost_in:
            _lose(course)
            return
        if number == _REVISED_IN and _wants_revisions(course):
            for _ in range(4):
                course.touch("proposal_revised")
        if number == 1 and course.happens(0.04):
            course.hand_to_colleague()
        if number > 0 and course.happens(0.03):
            number = _step_back(course, number)
            continue
        goes_through = _do_golden_actions(course, number)
        if number == len(stages) - 1:
            _finish(course)
            return
        number = _step_forward(course, number, goes_through)


def _wants_revisions(course: Course) -> bool:
    """The customer of few cannot be satisfied; chance of its own, so that the others go as they
    would."""
    return Random(f"revisions of {course.opportunity_id}").random() < _REVISES


def _wakes_up(course: Course) -> bool:
    """Nothing for weeks; then somebody asks about it, it is given up, or it stays forgotten."""
    fate = course.chance.random()
    if fate < 0.08:
        return False
    course.at = course.later(course.chance.uniform(5, 17))
    if fate < 0.4:
        _lose(course, "no_decision")
        return False
    course.touch("call")
    return True


def _do_golden_actions(course: Course, number: int) -> bool:
    """Whether the stage may be left by its own rules: always, where nothing may be left out."""
    stage = course.beginning.pipeline.stages[number]
    enforced = _is_enforced(course)
    for golden in stage.golden_actions:
        wanted = course.happens(course.temperament.golden)
        if enforced and not wanted:
            _try_in_vain(course, number)
        if wanted or enforced:
            course.do_golden(golden.action, golden.evidence, at_once=enforced)
        elif course.happens(0.5):
            course.touch()
    return enforced


def _is_enforced(course: Course) -> bool:
    return course.beginning.pipeline.unmet == "enforce"


def _try_in_vain(course: Course, number: int) -> None:
    """The stage is to be left without its golden action, or further on than to the next one."""
    stages = course.beginning.pipeline.stages
    if number == len(stages) - 1:
        return
    further = course.happens(course.temperament.skips * 2) and number + 2 < len(stages)
    course.at = course.later(0.3)
    command = ChangeStage(
        opportunity_id=course.opportunity_id,
        stage=stages[number + (2 if further else 1)].name,
        reason=course.said("unmet"),
        occurred_at=course.at,
        now=course.at,
    )
    course.plan(command, course.at, course.enters_now(), refused_with="stage-cannot-be-left")


def _step_forward(course: Course, number: int, goes_through: bool) -> int:
    stages = course.beginning.pipeline.stages
    skips = not goes_through and course.happens(course.temperament.skips)
    target = number + (2 if skips and number + 2 < len(stages) else 1)
    _move(course, target, course.said("skip" if skips else "unmet"))
    if course.happens(course.temperament.enters_late / 20):
        _report_out_of_date(course, target)
    return target


def _step_back(course: Course, number: int) -> int:
    _move(course, number - 1, course.said("backward"))
    return number - 1


def _move(course: Course, target: int, reason: str) -> None:
    course.at = course.later(0.15)
    command = ChangeStage(
        opportunity_id=course.opportunity_id,
        stage=course.beginning.pipeline.stages[target].name,
        reason=reason,
        occurred_at=course.at,
        now=course.at,
    )
    course.plan(command, course.at, course.enters_now())


def _report_out_of_date(course: Course, target: int) -> None:
    """A telephone that was offline tells again what a colleague has entered meanwhile."""
    happened_at = course.at - timedelta(hours=2)
    command = ChangeStage(
        opportunity_id=course.opportunity_id,
        stage=course.beginning.pipeline.stages[target].name,
        occurred_at=happened_at,
        now=course.at,
    )
    course.plan(command, happened_at, course.enters_now(), refused_with="out-of-date")


def _finish(course: Course) -> None:
    needs_approval = course.beginning.amount > _LARGE and not _is_enforced(course)
    if needs_approval and not approve(course):
        _lose(course, "price")
    else:
        _win(course)


def _win(course: Course) -> None:
    course.at = course.later(course.chance.uniform(0.3, 2))
    command = WinOpportunity(
        opportunity_id=course.opportunity_id, occurred_at=course.at, now=course.at
    )
    course.plan(command, course.at, course.enters_now())
    course.closed_at = course.entered


def _lose(course: Course, reason: str | None = None) -> None:
    course.at = course.later(course.chance.uniform(0.3, 2))
    command = LoseOpportunity(
        opportunity_id=course.opportunity_id,
        reason=reason or course.chance.choice(LOST_BECAUSE),
        occurred_at=course.at,
        now=course.at,
    )
    course.plan(command, course.at, course.enters_now())
    course.closed_at = course.entered
    if not _is_enforced(course) and course.happens(0.06):
        _reopen(course)


def _reopen(course: Course) -> None:
    course.at = course.later(course.chance.uniform(3, 10))
    command = ReopenOpportunity(
        opportunity_id=course.opportunity_id,
        reason=course.said("reopened"),
        occurred_at=course.at,
        now=course.at,
    )
    course.plan(command, course.at, course.enters_now())
    course.closed_at = None
    course.touch("meeting")
    course.touch("quote")
    if course.happens(0.6):
        _win(course)
