"""What the events, steps and segments of a funnel are called on its page."""

from collections.abc import Mapping, Sequence

from services.projections.domain.funnel import EVENTS, SEGMENTS
from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit

EVENT_NAMES: Mapping[str, str] = {
    "opportunity_opened": message("Opportunity opened"),
    "stage_changed": message("Stage entered"),
    "action_logged": message("Action logged"),
    "approval_requested": message("Asked for approval"),
    "approval_decided": message("Approval decided"),
    "opportunity_won": message("Won"),
    "opportunity_lost": message("Lost"),
    "opportunity_reopened": message("Reopened"),
    "approval_resubmitted": message("Approval submitted again"),
    "opportunity_assigned": message("Given to an owner"),
    "opportunity_unit_changed": message("Moved to another unit"),
    "opportunity_customer_changed": message("Customer record merged"),
    "opportunity_fields_changed": message("Fields changed"),
    "opportunity_migrated": message("Moved to another version of the pipeline"),
    "action_corrected": message("Action corrected"),
    "action_voided": message("Action voided"),
    "evidence_attached": message("Evidence attached"),
    "late_change_recorded": message("Late change, recorded without effect"),
    "visit_started": message("Visit begun"),
    "visit_fields_filled": message("Visit: fields filled in"),
    "visit_next_action_booked": message("Visit: next action booked"),
    "visit_summarised": message("Visit: summary made"),
    "visit_passed_on": message("Visit: summary passed on"),
}
_SEGMENTS: Mapping[str, str] = {
    "customer_type": message("Customer type"),
    "industry": message("Industry"),
    "key_industry": message("Key industry"),
    "pipeline": message("Pipeline"),
}
_IS_KEY: Mapping[str, str] = {
    "yes": message("only key industry"),
    "no": message("the others"),
}


def node_in_words(visit: Visit, node: str, actions: Mapping[str, str]) -> str:
    """`stage_changed:solution` is the stage's title, `action_logged:call` the action's."""
    event, _, detail = node.partition(":")
    if not detail:
        return visit.words.say(EVENT_NAMES[event])
    if event == "stage_changed":
        return visit.stage(detail)
    if event == "action_logged":
        return actions.get(detail, detail)
    return f"{visit.words.say(EVENT_NAMES[event])}: {detail}"


def nodes_to_choose(visit: Visit, actions: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every event, with each stage and each kind of action by itself."""
    found = []
    for event in EVENTS:
        found.append((event, visit.words.say(EVENT_NAMES[event])))
        narrower: Sequence[tuple[str, str]] = ()
        if event == "stage_changed":
            narrower = list(visit.stages.items())
        elif event == "action_logged":
            narrower = list(actions.items())
        found += [(f"{event}:{name}", f"\u2003{title}") for name, title in narrower]
    return found


def segments_to_choose(visit: Visit) -> list[tuple[str, str]]:
    return [(each, visit.words.say(_SEGMENTS[each])) for each in SEGMENTS]


def segment_in_words(visit: Visit, segment: str, value: str | None) -> str:
    """What is not known of a customer is said to be so."""
    if segment == "key_industry" and value is not None:
        return visit.words.say(_IS_KEY[value])
    return value or visit.words.say("not known")
