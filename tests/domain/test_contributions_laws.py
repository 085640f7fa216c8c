"""Laws of contributions and deadlines: order of arrival, naive reading, lazy as eager."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.projections.domain.deadlines import deadlines, next_due
from services.projections.domain.process_figures import contributions
from services.projections.domain.signal import SIGNAL, Raised, Resolved, Signal, SignalCommand
from services.projections.domain.watching import KnownSignal, Subject, WatchClock, verdicts
from shared.envelope import RecordedEvent
from shared.events.opportunities import (
    ActionLogged,
    ActionVoided,
    GoldenAction,
    NextAction,
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    PipelineDefinition,
    StageChanged,
)
from tests.domain.process_examples import (
    STAGES,
    TEAM_1,
    TEAM_2,
    Story,
    figure,
    folded,
    hours,
    needing,
    recorded_event,
)

PIPELINE: PipelineDefinition = needing("first", GoldenAction(action="demo", limit_seconds=86400))
SUBJECT = Subject(tenant_id="T1", kind="opportunity", subject_id="O1")
LIMIT = timedelta(hours=48)
FAR = hours(100_000)


class Doing(NamedTuple):
    what: str
    after: int
    detail: int


DOINGS = st.lists(
    st.builds(
        Doing,
        st.sampled_from(["act", "act", "act", "move", "assign", "close", "void", "book"]),
        st.integers(0, 60),
        st.integers(0, 11),
    ),
    max_size=25,
)


def told(doings: Sequence[Doing], *, odd: bool = False) -> list[RecordedEvent]:
    """State changes go forward in time; actions happen up to 60 hours before they are told.

    With `odd` no two things happen at the same time.
    """
    story, now, is_open, acted = Story(pipeline=PIPELINE), 0.0, True, []
    for number, (what, after, detail) in enumerate(doings):
        now += after / 4
        at = now + number / 1000 if odd else now
        recorded = at
        match what:
            case "act" | "book":
                when = max(number / 1000, at - detail * 5) + (number / 7_000 if odd else 0)
                direction = ("outbound", "outbound", "inbound", None)[detail % 4]
                type_ = ("call", "demo", "note")[detail % 3]
                action_id = f"A{number}"
                acted.append(action_id)
                booked = NextAction(due_at=hours(when + 10 * detail)) if what == "book" else None
                story.acts(
                    when,
                    type_,
                    action_id=action_id,
                    recorded=recorded,
                    direction=direction,
                    ends_silence=type_ != "note",
                    evidence_required=("photo",) if detail == 7 else (),
                    next_action=booked,
                )
            case "move" if is_open:
                others = [stage for stage in STAGES if stage != story.stage]
                story.moves(at, others[detail % 2])
            case "assign":
                owner = (None, "rep-1", "rep-2")[detail % 3]
                story.is_assigned(at, owner, (TEAM_1, TEAM_2)[detail % 2])
            case "close" if is_open:
                (story.is_won if detail % 2 else story.is_lost)(at)
                is_open = False
            case "close":
                story.is_reopened(at)
                is_open = True
            case "void" if acted:
                story.voids(at, acted[detail % len(acted)])
            case _:
                pass
    return story.told


class Naive:
    """The events before a moment, read again from the start for every question."""

    def __init__(self, story: Sequence[RecordedEvent], before: datetime) -> None:
        self.story = story
        self.before = before

    def _happened(self, *kinds: type) -> list[RecordedEvent]:
        found = [each for each in self.story if isinstance(each.event, kinds)]
        in_order = sorted(found, key=lambda each: (each.occurred_at, each.stored.version))
        return [each for each in in_order if each.occurred_at < self.before]

    def is_open(self) -> bool:
        last = self._happened(
            OpportunityOpened, OpportunityWon, OpportunityLost, OpportunityReopened
        )
        return bool(last) and isinstance(last[-1].event, OpportunityOpened | OpportunityReopened)

    def scopes(self) -> set[tuple[str, str]]:
        event = self._happened(OpportunityOpened, OpportunityAssigned)[-1].event
        reps = {"", event.owner_id} - {None}
        return {(unit, rep) for unit in event.unit_path for rep in reps}

    def is_over(self) -> bool:
        voided = {
            each.event.action_id for each in self.story if isinstance(each.event, ActionVoided)
        }
        active = self._happened(OpportunityOpened, StageChanged, OpportunityReopened)
        acted = [
            each
            for each in self._happened(ActionLogged)
            if each.event.ends_silence and each.event.action_id not in voided
        ]
        latest = max(each.occurred_at for each in active + acted)
        return self.is_open() and self.before - latest > LIMIT

    def moved_scopes(self, since: datetime) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for change in self._happened(StageChanged):
            if change.occurred_at >= since:
                until = [
                    each
                    for each in self.story
                    if (each.occurred_at, each.stored.version)
                    <= (change.occurred_at, change.stored.version)
                ]
                found |= Naive(until, FAR).scopes()
        return found


ALL_SCOPES = [
    (unit, rep)
    for unit in ("company", "region", "team-1", "team-2")
    for rep in ("", "rep-1", "rep-2")
]


@given(DOINGS, st.lists(st.integers(1, 2_000), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_figures_at_any_moment_are_those_of_a_naive_reading(
    doings: list[Doing], moments: list[int]
) -> None:
    story = told(doings)
    points = contributions(folded(story))
    times = [hours(moment / 8) for moment in moments] + [each.occurred_at for each in story[-3:]]
    for before in times:
        naive = Naive(story, before) if before > hours(0) else None
        for unit, rep in ALL_SCOPES:
            mine = naive is not None and (unit, rep) in naive.scopes()
            is_open = mine and naive is not None and naive.is_open()
            is_over = mine and naive is not None and naive.is_over()
            assert figure(points, "open", before, unit=unit, rep=rep) == is_open
            assert figure(points, "overrun", before, unit=unit, rep=rep) == is_over


@given(DOINGS, st.integers(1, 3_000))
@settings(max_examples=80, deadline=None)
def test_moved_counts_an_opportunity_once_in_any_part_of_a_week(
    doings: list[Doing], moment: int
) -> None:
    story = told(doings)
    before = hours(moment / 8)
    local = before.astimezone(ZoneInfo("Asia/Shanghai"))
    monday = local.replace(hour=0, minute=0) - timedelta(days=local.weekday())
    points = contributions(folded(story))
    expected = Naive(story, before).moved_scopes(monday)

    for unit, rep in ALL_SCOPES:
        moved = figure(points, "moved", before, unit=unit, rep=rep, since=monday)
        assert moved == ((unit, rep) in expected)


@given(DOINGS, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_in_which_late_actions_arrive_changes_nothing(
    doings: list[Doing], chance: random.Random
) -> None:
    story = told(doings, odd=True)
    late = [each for each in story if isinstance(each.event, ActionLogged | ActionVoided)]
    rest = [each for each in story if not isinstance(each.event, ActionLogged | ActionVoided)]
    actions = [each for each in late if isinstance(each.event, ActionLogged)]
    voids = [each for each in late if isinstance(each.event, ActionVoided)]
    chance.shuffle(actions)
    shuffled = [
        recorded_event(each.event, version, each.occurred_at)
        for version, each in enumerate([*rest, *actions, *voids], start=1)
    ]
    anchors = {
        str(new.event_id): str(old.event_id)
        for new, old in zip(shuffled, [*rest, *actions, *voids], strict=True)
    }

    before, after = folded(story), folded(shuffled)
    assert contributions(after) == contributions(before)
    renamed = [
        (each.rule, anchors[each.anchor_event_id], each.due_at, each.ended_at, each.facts)
        for each in deadlines(after)
    ]
    assert sorted(renamed, key=str) == sorted(
        [
            (each.rule, each.anchor_event_id, each.due_at, each.ended_at, each.facts)
            for each in deadlines(before)
        ],
        key=str,
    )


class Watched:
    """Signals as their streams stand after every command."""

    def __init__(self) -> None:
        self.streams: dict[str, Signal] = {}

    def take(self, commands: Sequence[SignalCommand]) -> None:
        for command in commands:
            state = self.streams.get(command.signal_id, SIGNAL.initial)
            self.streams[command.signal_id] = SIGNAL.fold(SIGNAL.decide(command, state), state)

    def known(self) -> dict[str, KnownSignal]:
        found = {}
        for signal_id, state in self.streams.items():
            match state:
                case Raised():
                    found[signal_id] = KnownSignal(
                        signal_id=signal_id, due_at=state.due_at, state="raised"
                    )
                case Resolved():
                    found[signal_id] = KnownSignal(
                        signal_id=signal_id,
                        due_at=state.due_at,
                        state="resolved",
                        ended_at=state.ended_at,
                    )
                case _:
                    pass
        return found

    def watch(self, story: Sequence[RecordedEvent], now: datetime) -> None:
        clock = WatchClock(now=now, live_at=hours(0))
        self.take(verdicts(SUBJECT, deadlines(folded(story)), self.known(), clock))


@given(DOINGS)
@settings(max_examples=60, deadline=None)
def test_watching_only_when_something_is_due_finds_what_watching_at_the_end_finds(
    doings: list[Doing],
) -> None:
    story = told(doings)
    story.sort(key=lambda each: each.stored.version)
    lazy, armed = Watched(), None
    for count, recorded in enumerate(story, start=1):
        clock = recorded.stored.recorded_at
        while armed is not None and armed < clock:
            lazy.watch(story[: count - 1], clock)
            armed = next_due(folded(story[: count - 1]), after=clock)
        due = next_due(folded(story[:count]))
        due = clock - timedelta(hours=1) if lazy.known() else due
        armed = due if armed is None else min(armed, due or armed)
    if armed is not None:
        lazy.watch(story, FAR)
    eager = Watched()
    eager.watch(story, FAR)

    assert lazy.known() == eager.known()


@given(DOINGS)
@settings(max_examples=50, deadline=None)
def test_watching_twice_concludes_nothing_new(doings: list[Doing]) -> None:
    story = told(doings)
    watched = Watched()
    watched.watch(story, FAR)

    clock = WatchClock(now=FAR, live_at=hours(0))
    assert verdicts(SUBJECT, deadlines(folded(story)), watched.known(), clock) == []
