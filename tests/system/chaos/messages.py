"""Who had to be told of what, by the log alone, beside what was queued and what arrived (N5)."""

from collections import Counter
from collections.abc import Sequence

from tests.oracle.live import Recorded
from tests.receivers.receiver import Received, Receiver
from tests.receivers.webhook import seen_once
from tests.system.command import Json
from tests.system.test_kill import attempts_of, endings_of, queued_messages

Telling = tuple[str, str]
"""An escalation, and a person who was to be told of it."""


def unheard(events: Sequence[Recorded]) -> Counter[str]:
    """Escalations that are missing: one for every raising of a signal that is not historical."""
    raised = Counter(
        event.data["signal_id"]
        for event in events
        if event.name == "signal_raised" and not event.data["historical"]
        if event.data["rule"] == "stalled"
    )
    opened = Counter(
        event.data["signal_id"]
        for event in events
        if event.name == "escalation_opened" and not event.data["digest"]
        if event.data["rule"] == "stalled"
    )
    assert not opened - raised, f"escalated more than once: {dict(opened - raised)}"
    return raised - opened


def untold(events: Sequence[Recorded]) -> Counter[Telling]:
    """Steps reached without a message, unless what they were about had ended meanwhile."""
    steps: Counter[Telling] = Counter()
    told: Counter[Telling] = Counter()
    ended: Counter[str] = Counter()
    for event in events:
        data = event.data
        if event.name == "escalation_step_reached" and "webhook" in data["channels"]:
            steps.update((data["escalation_id"], person) for person in data["person_ids"])
        elif event.name == "message_queued" and data["channels"] == ["the-hook"]:
            told.update((each, data["person_id"]) for each in data["escalation_ids"])
        elif event.name in ("escalation_resolved", "escalation_acknowledged"):
            ended[data["escalation_id"]] += 1
    assert not told - steps, f"told more often than there were steps: {dict(told - steps)}"
    missing = steps - told
    return Counter({each: times for each, times in missing.items() if not ended[each[0]]})


def undelivered(events: Sequence[Recorded]) -> list[str]:
    """What will be tried now. What was interrupted twice rests for two minutes, then for ten."""
    attempts, endings = attempts_of(list(events)), endings_of(list(events))
    queued = queued_messages(list(events))
    return [each for each in queued if each not in endings and attempts[each] < 2]


def compare_arrivals(events: Sequence[Recorded], hook: Receiver) -> int:
    """At least once, a repeat only where marked, once for receivers that dedupe; how many came."""
    queued: dict[str, Json] = queued_messages(list(events))
    attempts, endings = attempts_of(list(events)), endings_of(list(events))
    by_id: dict[str, list[Received]] = {}
    for each in hook.arrived:
        by_id.setdefault(each.headers["webhook-id"], []).append(each)
    assert hook.refusals == []
    assert set(by_id) == seen_once(hook.arrived)
    assert set(by_id) <= set(queued), "something arrived that nobody had queued"
    delivered = {each for each, ending in endings.items() if ending == "delivered"} & set(queued)
    assert delivered <= set(by_id), "said to be delivered, and never arrived"
    for message_id, arrivals in by_id.items():
        marked = [each.document["data"]["may_be_repeat"] for each in arrivals]
        assert marked.count(False) <= 1, f"{message_id} came twice as if for the first time"
        assert len(arrivals) <= attempts[message_id]
    return len(by_id)
