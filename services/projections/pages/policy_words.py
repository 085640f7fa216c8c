"""A policy as a sentence: which signals, who is told of them, after how long, by what (N2)."""

from collections.abc import Mapping
from typing import Any

from services.projections.pages.business_words import rule_in_words
from services.projections.pages.catalogue import message
from services.projections.pages.setup_words import channel_in_words, listed, role_in_words
from services.projections.pages.visits import Visit

_EVERY_RULE = "*"
_HOUR = 3600
PLAIN_RECIPIENTS: Mapping[str, str] = {
    "owner": message("the owner"),
    "manager": message("the manager"),
    "director": message("the director"),
}
Policy = Mapping[str, Any]


def policy_title(visit: Visit, policy: Policy) -> str:
    found: str = policy["title"].get(visit.words.language) or policy["name"]
    return found


def policy_in_words(visit: Visit, policy: Policy) -> str:
    """The sentence that tells who is told when."""
    say = visit.words.say
    steps = say(message("; ")).join(_step(visit, step) for step in policy["steps"])
    return say(message("%(when)s → %(steps)s."), when=_rules(visit, policy["rules"]), steps=steps)


def remarks_on(visit: Visit, policy: Policy) -> list[str]:
    """How often it is repeated, and when nobody is disturbed."""
    say, remarks = visit.words.say, []
    if policy["repeat_seconds"]:
        every = visit.words.span(policy["repeat_seconds"] / _HOUR)
        remarks.append(
            say("Then again every %(span)s, each time one level further up,", span=every)
            + " "
            + _until(visit, policy["repeat_limit"])
        )
    if policy["quiet_hours"]:
        begins, ends = policy["quiet_hours"]
        remarks.append(
            say("From %(begins)s to %(ends)s only the inbox is told.", begins=begins, ends=ends)
        )
    if policy["group_seconds"]:
        together = visit.words.span(policy["group_seconds"] / _HOUR)
        remarks.append(say("What comes within %(span)s is one message.", span=together))
    return remarks


def recipient_in_words(visit: Visit, to: str) -> str:
    kind, _, name = to.partition(":")
    if kind == "role":
        return visit.words.say(
            "everybody with the role “%(role)s”", role=role_in_words(visit, name)
        )
    if kind == "person":
        return visit.person(name)
    known = PLAIN_RECIPIENTS.get(to)
    return visit.words.say(known) if known else to


def channels_in_words(visit: Visit, channels: list[str]) -> str:
    return listed(visit, [channel_in_words(visit, each) for each in channels])


def _rules(visit: Visit, rules: list[str]) -> str:
    if rules == [_EVERY_RULE]:
        return visit.words.say("Every signal that no other policy names")
    return listed(visit, [rule_in_words(visit, rule) for rule in rules])


def _step(visit: Visit, step: Mapping[str, Any]) -> str:
    told = visit.words.say(
        "%(who)s (%(channels)s)",
        who=recipient_in_words(visit, step["to"]),
        channels=channels_in_words(visit, step["channels"]),
    )
    seconds = step["after_seconds"]
    if seconds and step["in_business_hours"]:
        hours = _working_hours(visit, seconds / _HOUR)
        return visit.words.say("%(span)s without “Got it”: %(told)s", span=hours, told=told)
    if seconds:
        span = visit.words.span(seconds / _HOUR)
        return visit.words.say("%(span)s without “Got it”: %(told)s", span=span, told=told)
    if step["in_business_hours"]:
        return visit.words.say("in business hours tell %(told)s", told=told)
    return visit.words.say("at once tell %(told)s", told=told)


def _working_hours(visit: Visit, hours: float) -> str:
    shown = round(hours, 1)
    whole = int(shown) if shown == int(shown) else shown
    return visit.words.plural("%(number)s working hour", "%(number)s working hours", whole)


def _until(visit: Visit, times: int | None) -> str:
    if times is None:
        return visit.words.say("until somebody has got it.")
    return visit.words.plural("%(number)s time at most.", "%(number)s times at most.", times)
