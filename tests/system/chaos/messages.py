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
    """Escalations that are missing. A signal opens one when it is raised, and again when it was
    retracted in between; where it had resolved itself, whoever was told is not told again."""
    due: Counter[str] = Counter()
    ended_by: dict[str, str] = {}
    opened: Counter[str] = Counter()
    for event in events:
        signal_id = event.data.get("signal_id", "")
        match event.name:
            case "signal_raised" if event.data["rule"] == "stalled":
                may_open = ended_by.get(signal_id, "signal_retracted") == "signal_retracted"
                if may_open and not event.data["historical"]:
                    due[signal_id] += 1
                    ended_by[signal_id] = ""
            case "signal_resolved" | "signal_retracted" if ended_by.get(signal_id) == "":
                ended_by[signal_id] = event.name
            case "escalation_opened" if event.data["rule"] == "stalled":
                opened[signal_id] += not event.data["digest"]
    assert not opened - due, f"escalated more than once: {dict(opened - due)}"
    return due - opened


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


def compare_arrivals(events: Sequence[Recorded], hook: Receiver, before: int) -> int:
    """At least once, a repeat only where marked, once for receivers that dedupe; how many came.
    `before`: as many had arrived when the logs were read."""
    queued: dict[str, Json] = queued_messages(list(events))
    attempts, endings = attempts_of(list(events)), endings_of(list(events))
    by_id: dict[str, list[Received]] = {}
    for each in hook.arrived[:before]:
        by_id.setdefault(each.headers["webhook-id"], []).append(each)
    assert hook.refusals == []
    assert set(by_id) <= set(queued), "something arrived that nobody had queued"
    delivered = {each for each, ending in endings.items() if ending == "delivered"} & set(queued)
    assert delivered <= seen_once(hook.arrived), "said to be delivered, and never arrived"
    for message_id, arrivals in by_id.items():
        marked = [each.document["data"]["may_be_repeat"] for each in arrivals]
        assert marked.count(False) <= 1, f"{message_id} came twice as if for the first time"
        assert len(arrivals) <= attempts[message_id]
    return len(by_id)
