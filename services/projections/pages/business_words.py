"""What rules, actions and states are called on the pages: one word for each thing."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit

RULES: Mapping[str, str] = {
    "stalled": message("Silent for too long"),
    "stage_overdue": message("Too long in its stage"),
    "golden_action_overdue": message("Golden action overdue"),
    "next_action_due": message("Next action overdue"),
    "next_action_reminder": message("Next action due soon"),
    "approval_overdue": message("Approval waits for too long"),
    "no_response": message("Customer does not answer"),
    "evidence_reused": message("Evidence used twice"),
    "workshop_proposed": message("Workshop proposed"),
    "lead_waits": message("Lead waits for a rep"),
    "lead_sales_late": message("Lead followed up too late"),
    "lead_sleeps": message("Lead sleeps"),
    "lead_appealed": message("Lead to be scored again"),
    "channel_failing": message("Messages do not arrive"),
    "webhook_disabled": message("Webhook switched off after too many failures"),
    "first_response_slow": message("First responses slowed down"),
    "records_in_doubt": message("Records in doubt"),
    "health_low": message("Health stays low"),
    "light_red": message("A light turned red"),
    "goal_red": message("A goal is in the red"),
    "coach_needed": message("A coach is needed"),
}
_STATES: Mapping[str, str] = {
    "open": message("open"),
    "snoozed": message("put off"),
    "acknowledged": message("acknowledged"),
    "resolved": message("resolved"),
    "retracted": message("taken back"),
    "won": message("won"),
    "lost": message("lost"),
}
_NEXT_STEPS: Mapping[str, str] = {
    "stalled": message("Call the owner; let them get in touch with the customer today."),
    "stage_overdue": message("Settle with the owner what is missing to leave the stage."),
    "golden_action_overdue": message("Let the owner do the golden action and attach its evidence."),
    "next_action_due": message("Let the owner do what was booked, or book it anew."),
    "next_action_reminder": message("Let the owner prepare what is booked."),
    "approval_overdue": message("Ask who is to decide the approval to decide it."),
    "no_response": message("Try another contact or another way."),
    "evidence_reused": message("Look at both actions with the rep."),
    "workshop_proposed": message("Hold the workshop with the ten worst opportunities."),
    "lead_waits": message("Put somebody on duty or assign the lead by hand."),
    "lead_sales_late": message("Look with the rep at what came in between."),
    "lead_sleeps": message("Let the rep contact the lead a second time."),
    "lead_appealed": message("Decide: keep, rescore or reassign."),
}
_NEXT_STEP_OTHERWISE = message("Look at the events and decide who acts.")


def rule_in_words(visit: Visit, rule: str) -> str:
    """A rule of a tenant's own shows its name."""
    known = RULES.get(rule)
    return visit.words.say(known) if known else rule


def state_in_words(visit: Visit, state: str) -> str:
    known = _STATES.get(state)
    return visit.words.say(known) if known else state


def next_step_in_words(visit: Visit, rule: str) -> str:
    return visit.words.say(_NEXT_STEPS.get(rule, _NEXT_STEP_OTHERWISE))


async def action_titles(visit: Visit) -> dict[str, str]:
    """As the tenant calls its action types in the reader's language."""
    return titles_of(visit, (await visit.api.get("/action-types"))["rows"])


def titles_of(visit: Visit, action_types: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    language = visit.words.language
    return {row["type"]: row["title"].get(language, row["type"]) for row in action_types}
