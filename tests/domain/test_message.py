"""Messages: queued, attempted, and ended in one of three ways, whatever happens on the way (N5)."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.attempt_plan import (
    TRIES_PER_CHANNEL,
    AllDone,
    GiveUp,
    Hold,
    Send,
    Try,
    Wait,
    next_attempt,
    next_look,
)
from services.notifications.domain.message import (
    MESSAGE,
    AnotherIsQueued,
    AttemptIsUnderWay,
    Closed,
    MessageEvent,
    MessageIsClosed,
    MessageIsNotDelivered,
)
from services.notifications.domain.message_commands import (
    CloseMessage,
    EndAttempt,
    Ending,
    Outcome,
    QueueMessage,
    ReadMessage,
    StartAttempt,
)
from shared.errors import NotFound
from shared.events.notifications import (
    AttemptEnded,
    AttemptStarted,
    MessageClosed,
    MessageQueued,
    MessageRead,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
ZONE = "Asia/Shanghai"
SECOND = timedelta(seconds=1)

QUEUE = QueueMessage(
    message_id="M1",
    person_id="rep",
    subject="person/rep",
    channels=("dingtalk", "webhook"),
    escalation_ids=("E1",),
    language="zh",
    title="标题",
    body="内容",
    urgency=0,
    not_before=NOW,
    expires_at=NOW + timedelta(days=7),
    now=NOW,
)
QUEUED = MessageQueued(
    message_id="M1",
    person_id="rep",
    subject="person/rep",
    channels=("dingtalk", "webhook"),
    escalation_ids=("E1",),
    language="zh",
    title="标题",
    body="内容",
    urgency=0,
    not_before=NOW,
    expires_at=NOW + timedelta(days=7),
    queued_at=NOW,
)
START = StartAttempt(message_id="M1", channel="dingtalk", now=NOW)
END = EndAttempt(
    message_id="M1", attempt=1, outcome=Outcome.ACCEPTED, detail="errcode-0", now=NOW + SECOND
)
CLOSED = MessageClosed(
    message_id="M1", ending="delivered", reason="accepted", closed_at=NOW + SECOND
)
READ = ReadMessage(message_id="M1", by="rep", now=NOW + SECOND)

message = Spec(MESSAGE)


def started(
    number: int = 1, channel: str = "dingtalk", may_be_repeat: bool = False, at: datetime = NOW
) -> MessageEvent:
    return AttemptStarted(
        message_id="M1",
        attempt=number,
        channel=channel,
        may_be_repeat=may_be_repeat,
        started_at=at,
    )


def ended(
    number: int = 1,
    outcome: Outcome = Outcome.REFUSED,
    channel: str = "dingtalk",
    retry_at: datetime | None = None,
) -> MessageEvent:
    return AttemptEnded(
        message_id="M1",
        attempt=number,
        channel=channel,
        outcome=outcome.value,
        detail="errcode-0",
        ended_at=NOW + SECOND,
        retry_at=retry_at,
    )


def tries(count: int, channel: str, outcome: Outcome, first: int = 1) -> list[MessageEvent]:
    return [
        event
        for number in range(first, first + count)
        for event in (started(number, channel), ended(number, outcome, channel))
    ]


def test_a_message_is_queued_once() -> None:
    message.when(QUEUE).then(QUEUED)
    message.given(QUEUED).when(QUEUE).then_nothing()


def test_the_intent_is_stored_before_the_request_leaves() -> None:
    message.given(QUEUED).when(START).then(started())


def test_one_attempt_at_a_time() -> None:
    message.given(QUEUED, started()).when(START).then_refused(AttemptIsUnderWay)


def test_an_acceptance_delivers_the_message() -> None:
    message.given(QUEUED, started()).when(END).then(ended(outcome=Outcome.ACCEPTED), CLOSED)


def test_another_message_under_its_id_is_refused() -> None:
    message.given(QUEUED).when(replace(QUEUE, escalation_ids=("E2",))).then_refused(AnotherIsQueued)
    message.given(QUEUED).when(replace(QUEUE, step_versions=(3,))).then_refused(AnotherIsQueued)


def test_a_delivered_message_is_not_attempted_again() -> None:
    delivered = message.given(QUEUED, started(), ended(outcome=Outcome.ACCEPTED), CLOSED)
    delivered.when(START).then_refused(MessageIsClosed)
    assert next_attempt(delivered.state(), NOW, ZONE) == AllDone()


def test_the_end_of_an_attempt_that_ended_before_is_no_news() -> None:
    message.given(QUEUED, started(), ended()).when(END).then_nothing()
    message.given(QUEUED, started(), ended(), started(2)).when(END).then_nothing()


def test_after_an_unknown_outcome_the_next_attempt_may_be_a_repeat() -> None:
    unknown = message.given(QUEUED, started(), ended(outcome=Outcome.UNKNOWN))
    second = replace(START, now=NOW + timedelta(minutes=1))
    unknown.when(second).then(started(2, may_be_repeat=True, at=second.now))


NINE_IN_THE_EVENING = datetime(2026, 3, 2, 13, tzinfo=UTC)
EIGHT_IN_THE_MORNING = datetime(2026, 3, 3, 0, tzinfo=UTC)
AT_NIGHT = replace(QUEUED, quiet_hours=("21:00-08:00",))


def test_no_attempt_begins_in_the_quiet_hours() -> None:
    state = message.given(AT_NIGHT).state()
    until_morning = Wait(until=EIGHT_IN_THE_MORNING, why=Hold.QUIET_HOURS)
    assert isinstance(next_attempt(state, NINE_IN_THE_EVENING - SECOND, ZONE), Try)
    assert next_attempt(state, NINE_IN_THE_EVENING, ZONE) == until_morning
    assert next_look(state, EIGHT_IN_THE_MORNING - SECOND, ZONE) == EIGHT_IN_THE_MORNING
    assert isinstance(next_attempt(state, EIGHT_IN_THE_MORNING, ZONE), Try)


def test_the_next_channel_waits_for_the_morning_too() -> None:
    used_up = message.given(AT_NIGHT, *tries(TRIES_PER_CHANNEL, "dingtalk", Outcome.REFUSED))
    plan = next_attempt(used_up.state(), NINE_IN_THE_EVENING, ZONE)
    assert plan == Wait(until=EIGHT_IN_THE_MORNING, why=Hold.QUIET_HOURS)


def test_a_letter_of_several_policies_leaves_once_one_of_them_disturbs() -> None:
    two = replace(QUEUED, quiet_hours=("21:00-08:00", "22:00-07:00"))
    state = message.given(two).state()
    hour = timedelta(hours=1)
    assert isinstance(next_attempt(state, NINE_IN_THE_EVENING, ZONE), Try)
    assert next_look(state, NINE_IN_THE_EVENING + hour, ZONE) == EIGHT_IN_THE_MORNING - hour


def test_what_expires_in_the_quiet_hours_is_looked_at_then() -> None:
    expires_at = NINE_IN_THE_EVENING + timedelta(hours=1)
    state = message.given(replace(AT_NIGHT, expires_at=expires_at)).state()
    assert next_look(state, NINE_IN_THE_EVENING, ZONE) == expires_at
    assert isinstance(next_attempt(state, expires_at, ZONE), GiveUp)


def test_after_a_refusal_the_next_attempt_is_no_repeat() -> None:
    refused = message.given(QUEUED, started(), ended(outcome=Outcome.REFUSED))
    refused.when(START).then(started(2))


def test_a_message_under_way_is_not_closed() -> None:
    close = CloseMessage(message_id="M1", ending=Ending.EXPIRED, reason="cause-gone", now=NOW)
    message.given(QUEUED, started()).when(close).then_refused(AttemptIsUnderWay)
    message.given(QUEUED).when(close).then(
        MessageClosed(message_id="M1", ending="expired", reason="cause-gone", closed_at=NOW)
    )


def test_a_delivered_message_is_read_once() -> None:
    delivered = message.given(QUEUED, started(), ended(outcome=Outcome.ACCEPTED), CLOSED)
    read = MessageRead(message_id="M1", by="rep", read_at=NOW + SECOND)
    delivered.when(READ).then(read)
    delivered.given(read).when(READ).then_nothing()


def test_what_was_not_delivered_cannot_be_read() -> None:
    message.given(QUEUED).when(READ).then_refused(MessageIsNotDelivered)


def test_an_unknown_message_is_not_found() -> None:
    for command in (START, END, READ):
        message.when(command).then_refused(NotFound)


def test_the_first_channel_is_tried_first() -> None:
    plan = next_attempt(message.given(QUEUED).state(), NOW, ZONE)
    assert plan == Try(channel="dingtalk", attempt=1, may_be_repeat=False, why=Send.FIRST_TIME)


def test_nothing_leaves_before_its_time() -> None:
    later = NOW + timedelta(hours=8)
    plan = next_attempt(message.given(replace(QUEUED, not_before=later)).state(), NOW, ZONE)
    assert plan == Wait(until=later, why=Hold.NOT_BEFORE)


def test_after_a_refusal_the_channel_rests() -> None:
    refused = message.given(QUEUED, started(), ended()).state()
    due = NOW + SECOND + timedelta(seconds=30)
    assert next_attempt(refused, due - SECOND, ZONE) == Wait(until=due, why=Hold.BACKING_OFF)
    assert next_attempt(refused, due, ZONE) == Try(
        channel="dingtalk", attempt=2, may_be_repeat=False, why=Send.AFTER_REFUSAL
    )


def test_a_used_up_channel_is_followed_by_the_next_one_at_once() -> None:
    used_up = message.given(QUEUED).given(*tries(4, "dingtalk", Outcome.REFUSED)).state()
    assert next_attempt(used_up, NOW + SECOND, ZONE) == Try(
        channel="webhook", attempt=5, may_be_repeat=False, why=Send.NEXT_CHANNEL
    )


def test_on_the_next_channel_too_a_repeat_is_called_so() -> None:
    used_up = message.given(QUEUED).given(*tries(4, "dingtalk", Outcome.UNKNOWN)).state()
    assert next_attempt(used_up, NOW + SECOND, ZONE) == Try(
        channel="webhook", attempt=5, may_be_repeat=True, why=Send.MAY_BE_A_REPEAT
    )


def test_after_the_last_channel_it_is_with_the_operator() -> None:
    nobody = (
        message.given(QUEUED)
        .given(*tries(4, "dingtalk", Outcome.REFUSED))
        .given(*tries(4, "webhook", Outcome.UNKNOWN, first=5))
        .state()
    )
    assert next_attempt(nobody, NOW + SECOND, ZONE) == GiveUp(
        ending=Ending.OPERATOR, reason="every-channel-failed"
    )


def test_a_limit_is_waited_for_and_counts_as_no_try() -> None:
    retry_at = NOW + timedelta(minutes=10)
    limited = message.given(
        QUEUED,
        *[
            event
            for number in range(1, TRIES_PER_CHANNEL + 2)
            for event in (
                started(number),
                ended(number, Outcome.LIMITED, retry_at=retry_at),
            )
        ],
    )
    assert next_attempt(limited.state(), NOW + SECOND, ZONE) == Wait(
        until=retry_at, why=Hold.CHANNEL_LIMIT
    )
    plan = next_attempt(limited.state(), retry_at, ZONE)
    assert isinstance(plan, Try)
    assert plan.channel == "dingtalk"


def test_a_message_expires() -> None:
    plan = next_attempt(message.given(QUEUED).state(), QUEUED.expires_at, ZONE)
    assert plan == GiveUp(ending=Ending.EXPIRED, reason="not-delivered-in-time")


def test_who_cannot_be_reached_is_the_operators() -> None:
    plan = next_attempt(message.given(replace(QUEUED, channels=())).state(), NOW, ZONE)
    assert plan == GiveUp(ending=Ending.OPERATOR, reason="no-channel-reaches-the-person")


OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=40)


@given(OUTCOMES, st.integers(0, 900), st.integers(0, 3))
def test_every_message_ends_and_arrives_as_often_as_was_promised(
    outcomes: list[Outcome], retry_seconds: int, channels: int
) -> None:
    """Also the law of N5: at most 1 + its unknown attempts arrivals, marked as repeats."""
    scripted = iter(outcomes)
    queue = replace(QUEUE, channels=("dingtalk", "webhook", "inbox")[:channels])
    events = list(MESSAGE.decide(queue, MESSAGE.initial))
    state, now = MESSAGE.fold(events), NOW
    for _ in range(500):
        plan = next_attempt(state, now, ZONE)
        assert plan == next_attempt(state, now, ZONE), "equal inputs give equal plans"
        match plan:
            case Wait(until=until):
                assert until is not None
                assert until > now
                now = until
                continue
            case GiveUp(ending=ending, reason=reason):
                decided = MESSAGE.decide(
                    CloseMessage(message_id="M1", ending=ending, reason=reason, now=now), state
                )
            case Try(channel=channel):
                start = StartAttempt(message_id="M1", channel=channel, now=now)
                decided = MESSAGE.decide(start, state)
                under_way = MESSAGE.fold(decided, state)
                assert next_attempt(under_way, now, ZONE) == Wait(until=None, why=Hold.UNDER_WAY)
                now += SECOND
                outcome = next(scripted, Outcome.REFUSED)
                end = EndAttempt(
                    message_id="M1",
                    attempt=plan.attempt,
                    outcome=outcome,
                    detail="",
                    now=now,
                    retry_at=now + timedelta(seconds=retry_seconds)
                    if outcome is Outcome.LIMITED
                    else None,
                )
                decided = [*decided, *MESSAGE.decide(end, under_way)]
            case AllDone():
                break
        events.extend(decided)
        state = MESSAGE.fold(decided, state)
    assert isinstance(state, Closed)
    assert MESSAGE.fold(events) == state
    counts = Counter(attempt.outcome for attempt in state.attempts)
    in_vain = counts[Outcome.UNKNOWN] + counts[Outcome.REFUSED] + counts[Outcome.LIMITED]
    assert len(state.attempts) <= 1 + in_vain
    assert counts[Outcome.ACCEPTED] == (1 if state.ending is Ending.DELIVERED else 0)
    unknown_before = False
    for event in events:
        if isinstance(event, AttemptStarted):
            assert event.may_be_repeat == unknown_before
        if isinstance(event, AttemptEnded):
            unknown_before = unknown_before or event.outcome == "unknown"
