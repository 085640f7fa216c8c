"""What is said of leads on the pages: states, what to do, tracks and reasons of allocation."""

from collections.abc import Mapping
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit

STATES: Mapping[str, str] = {
    "captured": message("waits for a rep"),
    "assigned": message("given to a rep"),
    "contacted": message("contacted"),
    "qualified": message("qualified"),
    "returned": message("back with marketing"),
    "converted": message("became an opportunity"),
    "disqualified": message("disqualified"),
}
_DO: Mapping[str, str] = {
    "being_given": message("Nothing: a rep is being found."),
    "nobody": message("Put somebody on duty, or assign it by hand."),
    "appealed": message("The manager decides the appeal: keep, rescore or reassign."),
    "assigned": message("Call or message the customer for the first time."),
    "late": message("Call the customer at once: every hour now costs the lead points."),
    "contacted_once": message("Contact the customer a second time."),
    "asleep": message("Wake it up: contact the customer a second time."),
    "contacted": message("Qualify it, or make it an opportunity."),
    "qualified": message("Make it an opportunity."),
    "returned": message("Marketing adds what is missing and releases it."),
    "converted": message("Go on with the opportunity."),
    "disqualified": message("Nothing is left to do."),
}
_TRACKS: Mapping[str, str] = {
    "by_hand": message("by hand"),
    "standard": message("round-robin"),
    "high_value": message("by weight, for leads of high value"),
    "hot_word": message("to the quickest, after a hot word"),
}
_PASSED_OVER: Mapping[str, str] = {
    "unit_suspended": message("The unit gets no new leads: too few budgets are known"),
    "newcomer": message("In their first weeks"),
    "outside_business_hours": message("Outside business hours"),
    "offline": message("Not online and not on duty"),
    "at_cap": message("Has as many open leads as allowed"),
}
_WHY: Mapping[str, str] = {
    "least_recently_served": message("It was their turn: served longest ago."),
    "highest_current_weight": message("Had gathered the most weight."),
    "highest_current_weight_least_recently_served": message(
        "Of several with the most weight, served longest ago."
    ),
    "quickest_to_respond": message("Responded fastest to the last leads."),
    "quickest_to_respond_served_customer": message(
        "Of the equally fast, the one who knows the customer."
    ),
    "quickest_to_respond_least_recently_served": message(
        "Of the equally fast, served longest ago."
    ),
}
SOURCES: Mapping[str, str] = {
    "referral": message("referral"),
    "demo_request": message("demo request"),
    "web_form": message("web form"),
    "group_chat": message("group chat"),
    "event": message("trade event"),
    "advertisement": message("advertisement"),
    "bought_list": message("bought list"),
    "other": message("other source"),
}
_BEHAVIOURS: Mapping[str, str] = {
    "demo_booked": message("demo booked"),
    "hot_word": message("hot word said"),
    "live_stream": message("watched a live stream"),
    "white_paper": message("read a white paper"),
    "page_dwell": message("stayed on a page"),
    "trial_opened": message("trial opened"),
    "contact_left": message("contact left"),
    "comparison_asked": message("asked for a comparison"),
    "sample_asked": message("asked for a sample"),
}
BUDGETS: Mapping[str, str] = {
    "untouched": message("untouched"),
    "oral": message("said"),
    "written": message("in writing"),
}
_NEEDS: Mapping[str, str] = {
    "cost": message("cost"),
    "efficiency": message("efficiency"),
    "compliance": message("compliance"),
    "experience": message("experience"),
}
_RETURNED: Mapping[str, str] = {
    "score": message("too few points"),
    "sales_late": message("sales was late"),
    "by_hand": message("by hand"),
}
CONTACTS: Mapping[str, str] = {
    "call": message("Call"),
    "message": message("Message"),
    "visit": message("Visit"),
    "meeting": message("Meeting"),
    "email": message("E-mail"),
}
DECISIONS: Mapping[str, str] = {
    "keep": message("Keep: the rep goes on"),
    "rescore": message("Score it again now"),
    "reassign": message("Give it to another rep"),
}


def said(visit: Visit, words: Mapping[str, str], name: str | None) -> str:
    """What has no word shows its name."""
    known = words.get(name or "")
    return visit.words.say(known) if known else name or ""


def next_deed(visit: Visit, row: Mapping[str, Any], hours_left: float | None) -> str:
    """What is to be done about a lead, in a sentence."""
    status, is_over = row["status"], hours_left is not None and hours_left < 0
    match status:
        case "captured":
            situation = "nobody" if row["found_nobody_at"] else "being_given"
        case "assigned" | "contacted" | "qualified" if row["appealed_at"]:
            situation = "appealed"
        case "assigned":
            situation = "late" if is_over else "assigned"
        case "contacted" if row["contacts"] == 1:
            situation = "asleep" if is_over else "contacted_once"
        case _:
            situation = status
    return said(visit, _DO, situation)


def tag_in_words(visit: Visit, tag: str) -> str:
    kind, _, value = tag.partition(":")
    words = {"source": SOURCES, "behaviour": _BEHAVIOURS}.get(kind, {})
    return said(visit, words, value)


def needs_in_words(visit: Visit, needs: list[str]) -> str:
    return " · ".join(said(visit, _NEEDS, each) for each in needs)


def reason_in_words(visit: Visit, row: Mapping[str, Any]) -> str:
    """Why it was returned or disqualified."""
    return said(visit, _RETURNED, row["reason"])


def passed_over_in_words(visit: Visit, passed_over: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For each reason the people."""
    return [
        (said(visit, _PASSED_OVER, reason), ", ".join(map(visit.person, people)))
        for reason, people in passed_over.items()
    ]


def track_in_words(visit: Visit, track: str | None) -> str:
    return said(visit, _TRACKS, track)


def why_in_words(visit: Visit, why: str) -> str:
    return said(visit, _WHY, why)
