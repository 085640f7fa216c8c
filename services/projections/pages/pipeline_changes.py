"""What a new version of a pipeline changes, in sentences, and for whom (A10, O1)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.pipeline_form import FLAGS, duration
from services.projections.pages.visits import Visit

_HOUR = 3600
_LIMITS: Mapping[str, str] = {
    "silence_limit_seconds": message("silence limit"),
    "dwell_limit_seconds": message("limit of the stay"),
}
_LISTS: Mapping[str, str] = {
    "required_fields": message("required fields"),
    "told": message("who is told as well"),
}
_WHOLE: Mapping[str, str] = {
    "unmet": message("moves without what they need"),
    "late_changes": message("changes that arrive late"),
    "win_from": message("stages from which it can be won"),
    "lights": message("limits of the traffic lights"),
    FLAGS[0]: message("silence counts working days only"),
    FLAGS[1]: message("the stay counts working days only"),
}
Definition = Mapping[str, Any]


def changes_in_words(
    visit: Visit, before: Definition, after: Definition, titles: Mapping[str, str]
) -> list[str]:
    """One sentence a change; `titles`: what action types are called."""
    say = visit.words.say
    changes = [
        say("Otherwise than before: %(what)s.", what=say(what))
        for name, what in _WHOLE.items()
        if before[name] != after[name]
    ]
    was = {stage["name"]: stage for stage in before["stages"]}
    names = [stage["name"] for stage in after["stages"]]
    changes += [
        say("The stage %(stage)s is gone.", stage=_title(visit, stage))
        for name, stage in was.items()
        if name not in names
    ]
    for stage in after["stages"]:
        if stage["name"] not in was:
            changes.append(say("The stage %(stage)s is new.", stage=_title(visit, stage)))
        else:
            changes += _of_stage(visit, was[stage["name"]], stage, titles)
    kept_before = [name for name in was if name in names]
    if kept_before != [name for name in names if name in was]:
        changes.append(say("The stages come in another order."))
    return changes


def _of_stage(
    visit: Visit, before: Definition, after: Definition, titles: Mapping[str, str]
) -> Iterator[str]:
    say, stage = visit.words.say, _title(visit, after)
    for name, what in _LIMITS.items():
        if before[name] != after[name]:
            yield say(
                "%(stage)s: %(what)s from %(before)s to %(after)s.",
                stage=stage,
                what=say(what),
                before=_span(visit, before[name]),
                after=_span(visit, after[name]),
            )
    for name, what in _LISTS.items():
        if before[name] != after[name]:
            yield say("%(stage)s: %(what)s changed.", stage=stage, what=say(what))
    if before["title"] != after["title"]:
        yield say("%(stage)s: called otherwise.", stage=stage)
    yield from _of_golden_actions(visit, stage, before, after, titles)


def _of_golden_actions(
    visit: Visit, stage: str, before: Definition, after: Definition, titles: Mapping[str, str]
) -> Iterator[str]:
    say = visit.words.say
    was = {golden["action"]: golden for golden in before["golden_actions"]}
    now = {golden["action"]: golden for golden in after["golden_actions"]}
    for action in (*was, *(each for each in now if each not in was)):
        named = {"stage": stage, "action": titles.get(action, action)}
        if action not in now:
            yield say("%(stage)s: %(action)s is no golden action any more.", **named)
        elif action not in was:
            yield say("%(stage)s: %(action)s becomes a golden action.", **named)
        elif was[action] != now[action]:
            yield say("%(stage)s: the golden action %(action)s changed.", **named)


def running_in_words(visit: Visit, running: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which versions the open opportunities keep."""
    return [
        visit.words.plural(
            "%(number)s open opportunity runs by version %(version)s.",
            "%(number)s open opportunities run by version %(version)s.",
            each["open"],
            version=each["pipeline_version"],
        )
        for each in running
    ]


def _title(visit: Visit, stage: Definition) -> str:
    found: str = stage["title"].get(visit.words.language) or stage["name"]
    return found


def _span(visit: Visit, seconds: int | None) -> str:
    if seconds is None:
        return visit.words.say("no limit")
    return visit.words.span(seconds / _HOUR) if seconds % 60 == 0 else duration(seconds)
