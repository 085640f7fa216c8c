"""Policies as data, when their steps are due and whom they tell (N2)."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.default_policies import DEFAULT_POLICIES
from services.notifications.domain.escalation import (
    Acknowledged,
    Course,
    Open,
    Resolved,
    Snoozed,
)
from services.notifications.domain.policy import (
    POLICIES,
    Policies,
    RemovePolicy,
    SetPolicy,
    policy_problems,
    with_told,
)
from services.notifications.domain.steps import (
    NoStep,
    PlannedStep,
    Rest,
    Timing,
    WorkingTime,
    may_disturb_from,
    next_step,
    planned_step,
    quiet_hours_of,
    recipients,
)
from shared.business_time import BusinessCalendar, DailyHours
from shared.errors import Malformed, NotFound
from shared.events.notifications import (
    EscalationOpened,
    PolicyDefinition,
    PolicyRemoved,
    PolicySet,
    PolicyStep,
)
from shared.organisation import Organisation, PersonOfTenant, UnitOfTree
from tests.specs import Spec

CHANNELS = frozenset({"inbox", "robot", "sms", "email"})
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)  # Monday 09:30 in Shanghai
HOUR = timedelta(hours=1)
SPRING_FESTIVAL = {date(2026, 2, 16) + timedelta(days=n): False for n in range(8)} | {
    date(2026, 2, 14): True,  # a Saturday that is worked to make up
    date(2026, 2, 28): True,
}
WORKING_TIME = WorkingTime(
    BusinessCalendar("Asia/Shanghai", SPRING_FESTIVAL), DailyHours(time(9), time(18))
)
MINE = PolicyDefinition(
    name="mine", rules=("stalled",), steps=(PolicyStep(after_seconds=0, to="owner"),)
)
STANDS_STILL = next(p for p in DEFAULT_POLICIES if p.name == "opportunity-stands-still")

policies = Spec(POLICIES)


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def set_(policy: PolicyDefinition) -> SetPolicy:
    return SetPolicy(policy=policy, channels=CHANNELS, now=NOW)


def test_a_tenant_begins_with_the_default_policies() -> None:
    assert policies.state().in_force_for("stalled") == STANDS_STILL


def test_a_rule_that_no_policy_names_falls_to_the_policy_for_every_rule() -> None:
    general = policies.state().in_force_for("something-new")
    assert general is not None
    assert general.name == "every-other-signal"


def test_the_policy_set_last_wins() -> None:
    policies.when(set_(MINE)).then(PolicySet(policy=MINE))
    state = policies.given(PolicySet(policy=MINE)).state()
    assert state.in_force_for("stalled") == MINE
    assert state.in_force_for("stage_overdue") == STANDS_STILL


def test_setting_the_same_policy_again_does_nothing() -> None:
    policies.given(PolicySet(policy=MINE)).when(set_(MINE)).then_nothing()


def test_a_removed_policy_no_longer_applies() -> None:
    removed = PolicyRemoved(name="opportunity-stands-still")
    policies.when(RemovePolicy(name="opportunity-stands-still", now=NOW)).then(removed)
    general = policies.given(removed).state().in_force_for("stalled")
    assert general is not None
    assert general.name == "every-other-signal"


def test_removing_an_unknown_policy_is_refused() -> None:
    policies.when(RemovePolicy(name="mine", now=NOW)).then_refused(NotFound)


def test_without_any_policy_nothing_is_in_force() -> None:
    assert Policies().in_force_for("stalled") is None


STEP = MINE.steps[0]


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (replace(MINE, name="my policy"), "name"),
        (replace(MINE, rules=()), "rules"),
        (replace(MINE, rules=("stalled", "stalled")), "rules"),
        (replace(MINE, steps=()), "steps"),
        (replace(MINE, steps=(replace(STEP, after_seconds=-1),)), "steps.0.after_seconds"),
        (replace(MINE, steps=(replace(STEP, to="boss"),)), "steps.0.to"),
        (replace(MINE, steps=(replace(STEP, to="role:boss"),)), "steps.0.to"),
        (replace(MINE, steps=(replace(STEP, to="person:"),)), "steps.0.to"),
        (replace(MINE, steps=(replace(STEP, channels=()),)), "steps.0.channels"),
        (replace(MINE, steps=(replace(STEP, channels=("pigeon",)),)), "steps.0.channels"),
        (
            replace(MINE, steps=(replace(STEP, after_seconds=9), STEP)),
            "steps.1.after_seconds",
        ),
        (replace(MINE, repeat_seconds=1), "repeat_seconds"),
        (replace(MINE, repeat_limit=-1), "repeat_limit"),
        (replace(MINE, group_seconds=-1), "group_seconds"),
        (replace(MINE, expires_seconds=0), "expires_seconds"),
        (replace(MINE, quiet_hours=("25:00", "08:00")), "quiet_hours"),
        (replace(MINE, quiet_hours=("08:00", "08:00")), "quiet_hours"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(policy: PolicyDefinition, field: str) -> None:
    refusal = policies.when(set_(policy)).then_refused(Malformed)
    assert [problem.field for problem in refusal.errors] == [field]


def test_the_default_policies_can_be_followed() -> None:
    for policy in DEFAULT_POLICIES:
        assert list(policy_problems(policy, CHANNELS)) == []


def test_whom_the_pipeline_names_is_told_together_with_the_first_step() -> None:
    policy = with_told(MINE, ["manager", "legal", "wang.fang", "owner"])
    assert [step.to for step in policy.steps] == [
        "owner",
        "manager",
        "role:legal",
        "person:wang.fang",
    ]


def step_of(level: int, since: datetime, last: datetime | None = None) -> PlannedStep:
    planned = next_step(STANDS_STILL, since, level, last, WORKING_TIME)
    assert isinstance(planned, PlannedStep)
    return planned


def test_the_owner_is_told_at_once() -> None:
    planned = step_of(0, NOW)
    assert (planned.at, planned.step.to, planned.why) == (NOW, "owner", Timing.ON_TIME)


@pytest.mark.parametrize(
    ("opened_at", "manager_at"),
    [
        ("2026-03-02 09:30", "2026-03-02 13:30"),
        ("2026-03-02 07:00", "2026-03-02 13:00"),
        ("2026-03-02 14:00", "2026-03-03 09:00"),  # 18:00 is over: the next day's first moment
        ("2026-03-02 16:00", "2026-03-03 11:00"),
        ("2026-03-06 17:00", "2026-03-09 12:00"),  # Friday to Monday
        ("2026-02-13 17:00", "2026-02-14 12:00"),  # to the Saturday that is worked
        ("2026-02-15 10:00", "2026-02-24 13:00"),  # over the spring festival
        ("2026-02-27 23:00", "2026-02-28 13:00"),
    ],
)
def test_the_manager_is_told_after_four_working_hours(opened_at: str, manager_at: str) -> None:
    planned = step_of(1, shanghai(opened_at))
    assert planned.at == shanghai(manager_at)
    assert planned.why is Timing.BUSINESS_HOURS


def test_the_director_is_told_after_a_day_but_not_before_the_manager() -> None:
    assert step_of(2, NOW).at == NOW + 24 * HOUR
    friday = shanghai("2026-03-06 17:00")
    manager_at = shanghai("2026-03-09 12:00")
    assert step_of(2, friday, manager_at).at == manager_at


def test_then_it_is_repeated_each_time_one_level_further_up() -> None:
    last = NOW + 24 * HOUR
    for level in (3, 4, 5, 6, 7, 100):
        planned = step_of(level, NOW, last)
        assert (planned.at, planned.climb) == (last + 24 * HOUR, level - 2)


def test_a_policy_may_say_how_often_at_most() -> None:
    limited = replace(STANDS_STILL, repeat_limit=5)
    last = NOW + 24 * HOUR
    assert isinstance(next_step(limited, NOW, 7, last, WORKING_TIME), PlannedStep)
    assert next_step(limited, NOW, 8, last, WORKING_TIME) == NoStep(Rest.REPEATED_ENOUGH)


def test_a_policy_without_repetition_ends_with_its_last_step() -> None:
    assert next_step(MINE, NOW, 1, NOW, WORKING_TIME) == NoStep(Rest.EVERYBODY_TOLD)


@given(
    st.integers(0, 7),
    st.integers(0, 400 * 24 * 60),
    st.none() | st.integers(0, 400 * 24 * 60),
)
def test_equal_inputs_give_equal_steps_never_in_the_past_of_the_last_one(
    level: int, minutes: int, last_minutes: int | None
) -> None:
    since = NOW + timedelta(minutes=minutes)
    last = None if last_minutes is None else since + timedelta(minutes=last_minutes)
    planned = step_of(level, since, last)
    assert planned == step_of(level, since, last)
    assert planned.at >= max(since, last or since)
    if planned.step.in_business_hours and last is None:
        assert WORKING_TIME.calendar.is_business_hour(planned.at, WORKING_TIME.hours)


def test_quiet_hours_disturb_nobody() -> None:
    night, morning = shanghai("2026-03-02 23:00"), shanghai("2026-03-03 08:00")
    assert may_disturb_from(STANDS_STILL, night, "Asia/Shanghai") == morning
    assert may_disturb_from(STANDS_STILL, NOW, "Asia/Shanghai") == NOW
    loud = replace(STANDS_STILL, quiet_hours=None)
    assert may_disturb_from(loud, night, "Asia/Shanghai") == night


def test_a_letter_keeps_the_quiet_hours_of_its_policies_unless_one_of_them_knows_none() -> None:
    owl = replace(STANDS_STILL, quiet_hours=("23:00", "09:00"))
    loud = replace(STANDS_STILL, quiet_hours=None)
    assert quiet_hours_of([STANDS_STILL, owl, owl]) == ("21:00-08:00", "23:00-09:00")
    assert quiet_hours_of([STANDS_STILL, loud]) == ()


OPENED = EscalationOpened(
    escalation_id="E1",
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="solution_shown",
    unit_id="team",
    unit_path=("company", "east", "team"),
    owner_id="rep",
    due_at=NOW,
    policy=STANDS_STILL,
    digest=False,
    opened_at=NOW,
)
COURSE = Course(opened=OPENED, running_since=NOW, holder_id="rep")


def test_a_snoozed_escalation_goes_on_when_the_snooze_ends() -> None:
    until = NOW + 2 * HOUR
    planned = planned_step(Snoozed(course=COURSE, until=until), WORKING_TIME)
    assert isinstance(planned, PlannedStep)
    assert (planned.level, planned.at, planned.why) == (0, until, Timing.AFTER_SNOOZE)
    later = replace(COURSE, next_level=2)
    planned = planned_step(Snoozed(course=later, until=until), WORKING_TIME)
    assert isinstance(planned, PlannedStep)
    assert planned.at == NOW + 24 * HOUR


@pytest.mark.parametrize(
    ("opened", "next_level", "climb"),
    [
        (replace(OPENED, policy=MINE), 1, 0),
        (replace(OPENED, digest=True), 1, 0),
        (replace(OPENED, policy=replace(STANDS_STILL, repeat_limit=5)), 8, 5),
    ],
    ids=["everybody told", "told in a digest", "repeated enough"],
)
def test_what_was_put_off_comes_back_also_when_nothing_more_was_to_follow(
    opened: EscalationOpened, next_level: int, climb: int
) -> None:
    course = replace(COURSE, opened=opened, next_level=next_level, last_reached_at=NOW)
    assert isinstance(planned_step(Open(course=course), WORKING_TIME), NoStep)
    planned = planned_step(Snoozed(course=course, until=NOW + HOUR), WORKING_TIME)
    assert isinstance(planned, PlannedStep)
    assert (planned.level, planned.climb, planned.at) == (next_level, climb, NOW + HOUR)


def test_what_is_acknowledged_or_resolved_rests() -> None:
    acknowledged = Acknowledged(course=COURSE, by="rep", acknowledged_at=NOW)
    assert planned_step(acknowledged, WORKING_TIME) == NoStep(Rest.ACKNOWLEDGED)
    resolved = Resolved(course=COURSE, by=None, reason="signal-resolved", resolved_at=NOW)
    assert planned_step(resolved, WORKING_TIME) == NoStep(Rest.RESOLVED)


def test_at_going_live_it_is_told_once() -> None:
    digest = replace(COURSE, opened=replace(OPENED, digest=True))
    assert isinstance(planned_step(Open(course=digest), WORKING_TIME), PlannedStep)
    told = replace(digest, next_level=1, last_reached_at=NOW)
    assert planned_step(Open(course=told), WORKING_TIME) == NoStep(Rest.TOLD_IN_A_DIGEST)


def test_at_going_live_nothing_waits_for_business_hours_or_it_would_be_two_digests() -> None:
    weekly = next(each for each in DEFAULT_POLICIES if each.name == "unit-out-of-range")
    at_night = shanghai("2026-03-02 23:00")
    opened = replace(OPENED, digest=True, policy=weekly, opened_at=at_night)
    course = Course(opened=opened, running_since=at_night, holder_id=None)
    planned = planned_step(Open(course=course), WORKING_TIME)
    assert isinstance(planned, PlannedStep)
    assert (planned.at, planned.step.to) == (at_night, "manager")


def organisation() -> Organisation:
    def unit(parent: str | None, *children: str) -> UnitOfTree:
        return UnitOfTree(name="", kind="unit", parent_id=parent, children=list(children))

    def person(unit_id: str) -> PersonOfTenant:
        return PersonOfTenant(name=None, language="zh", unit_history=[(NOW, unit_id)])

    return Organisation(
        tenant_id="default",
        root_id="company",
        units={
            "company": unit(None, "east"),
            "east": unit("company", "team"),
            "team": unit("east"),
        },
        people={
            "chief": person("company"),
            "admin": person("company"),
            "director": person("east"),
            "lawyer": person("east"),
            "manager": person("team"),
            "rep": person("team"),
            "other": person("team"),
        },
        granted={
            "company": {"director": ["chief"], "administrator": ["admin"]},
            "east": {"director": ["director"], "legal": ["lawyer"]},
            "team": {"manager": ["manager"]},
        },
    )


def told(to: str, climb: int = 0, course: Course = COURSE, level: int = 0) -> tuple[str, ...]:
    planned = PlannedStep(
        level=level,
        step=PolicyStep(after_seconds=0, to=to),
        climb=climb,
        at=NOW,
        why=Timing.ON_TIME,
    )
    return recipients(planned, course, organisation())


@pytest.mark.parametrize(
    ("to", "climb", "expected"),
    [
        ("owner", 0, ("rep",)),
        ("owner", 1, ("manager",)),
        ("manager", 0, ("manager",)),
        ("manager", 1, ("director",)),
        ("manager", 2, ("chief",)),
        ("manager", 9, ("chief",)),
        ("director", 0, ("director",)),
        ("director", 1, ("chief",)),
        ("role:legal", 0, ("lawyer",)),
        ("person:other", 0, ("other",)),
    ],
)
def test_a_step_tells_those_it_names_and_repetitions_those_above(
    to: str, climb: int, expected: tuple[str, ...]
) -> None:
    assert told(to, climb) == expected


def test_without_an_owner_the_manager_of_the_unit_is_told() -> None:
    nobodys = replace(COURSE, holder_id=None)
    assert told("owner", course=nobodys) == ("manager",)


def test_who_is_nobody_in_the_organisation_is_not_told() -> None:
    assert told("owner", course=replace(COURSE, holder_id="gone")) == ("manager",)
    assert told("person:gone") == ("manager",)


def test_a_manager_who_owns_it_is_not_their_own_manager() -> None:
    assert told("manager", course=replace(COURSE, holder_id="manager")) == ("director",)


def test_where_nobody_manages_the_administrators_are_told() -> None:
    lost = replace(COURSE, holder_id=None, opened=replace(OPENED, unit_id="elsewhere"))
    assert told("manager", course=lost) == ("admin",)


def test_to_whom_it_was_handed_over_is_told_first_whatever_the_step_says() -> None:
    handed = replace(COURSE, holder_id="other", handed_over=True)
    assert told("manager", course=handed) == ("other", "manager")
    assert told("manager", course=handed, level=1) == ("manager",)
