"""What a tenant may set: every setting with its kind, unit, default and the rule it belongs to."""

from collections.abc import Mapping

from shared.errors import FieldProblem
from shared.events.directory import SettingValue
from shared.setting_kinds import (
    CLOCK_TIME,
    HOURS,
    MINUTES,
    OVERRUN,
    REGION,
    WORKING_HOURS,
    ZONE,
    TenantSetting,
    amount,
    few_words,
    flag,
    measure,
    ratio,
    text,
)

FEWEST_CONTACTS = 2
SHORTEST_APPROVAL_HOURS = 1
LONGEST_REMINDER_HOURS = 168
SHORTEST_VISIT_HOURS = 1
FEWEST_REVISIONS = 1
MOST_QUESTIONS = 100
"""Bounds that the projections' lower bound of due times relies on."""

LONGEST_COUNTED_SUMMARY = 50
"""Of a longer summary the figures know no more than that it is longer."""

LEAD_SOURCE_POINTS = {
    "referral": 30,
    "demo_request": 25,
    "web_form": 20,
    "group_chat": 20,
    "event": 15,
    "advertisement": 10,
    "bought_list": 5,
    "other": 10,
}
LEAD_BEHAVIOUR_POINTS = {
    "demo_booked": 15,
    "hot_word": 10,
    "live_stream": 10,
    "white_paper": 8,
    "page_dwell": 5,
    "trial_opened": 0,
    "contact_left": 0,
    "comparison_asked": 0,
    "sample_asked": 0,
}
"""The default points of a lead (L4); each is a setting `lead_points_<name>`. The last four prove
intent (O16)."""

_CATALOGUE = (
    text("zone", "Asia/Shanghai", "words", "calendar of days, weeks and months", ZONE),
    text("business_hours", "09:00-18:00", "N2", "open on working days", WORKING_HOURS),
    ratio("healthy_stage_compliance", 0.92, "P3", "healthy at or above"),
    ratio("healthy_evidence_rate", 0.85, "P3", "healthy at or above"),
    ratio("healthy_silence_overrun", 0.15, "P3", "healthy at or below"),
    text("index_uses", "silence", "P3", "which overrun enters the index", OVERRUN),
    ratio("index_weight_stage_compliance", 0.6, "P3", "weight in the process health index"),
    ratio("index_weight_evidence_rate", 0.3, "P3", "weight in the process health index"),
    ratio("index_weight_silence_overrun", 0.1, "P3", "weight in the process health index"),
    amount("workshop_worst_opportunities", 10, "opportunities", "P3", "shown with the proposal"),
    amount("correlation_minimum_closed", 5, "opportunities", "P3", "closed in the four weeks"),
    amount("correlation_minimum_points", 12, "points", "P3", "below it nothing is shown"),
    ratio("light_green", 0.90, "P5", "green at or above"),
    ratio("light_yellow", 0.70, "P5", "yellow at or above, red below"),
    ratio("golden_action_gate", 0.92, "P5", "promotion and entry gate, last full quarter"),
    amount(
        "approval_limit_hours",
        48,
        "hours",
        "O6",
        "a step older than this escalates",
        within=(SHORTEST_APPROVAL_HOURS, 8_784),
    ),
    flag("approval_in_business_time", True, "O6", "the limit leaves out non-working days"),
    amount(
        "no_response_after",
        3,
        "contacts",
        "O14",
        "outbound in a row without a reaction",
        within=(FEWEST_CONTACTS, 100),
    ),
    amount(
        "next_action_reminder_hours",
        24,
        "hours",
        "O1",
        "reminder before it is due",
        within=(1, LONGEST_REMINDER_HOURS),
    ),
    amount("clock_skew_tolerance_seconds", 120, "seconds", "G5", "sent_at may differ so much"),
    amount("clock_ahead_limit_hours", 24, "hours", "G5", "without sent_at refused beyond"),
    amount("evidence_kept_unreferred_hours", 24, "hours", "O5", "then an upload is removed"),
    amount("instruction_stuck_days", 5, "days", "P11", "in a stage for longer is stuck"),
    text("instruction_before", "16:00", "P11", "call together before", CLOCK_TIME),
    text("instruction_turns_at", "14:00", "P11", "after it the next working day", CLOCK_TIME),
    text("instruction_next_day", "10:00", "P11", "and then by this time", CLOCK_TIME),
    ratio("delivery_rate_alert", 0.95, "N5", "a channel below it alerts the operator"),
    amount("visit_next_action_days", 7, "days", "O4", "the next action due after a visit"),
    amount(
        "visit_incomplete_hours",
        24,
        "hours",
        "O4",
        "an incomplete visit older than this is signalled",
        within=(SHORTEST_VISIT_HOURS, 8_784),
    ),
    amount("door_code_days", 365, "days", "O4", "a door code holds", within=(1, 3_660)),
    amount("timely_record_hours", 24, "hours", "P4", "recorded within", within=HOURS),
    ratio("action_health_timeliness", 0.95, "P4", "norm of the part"),
    measure("action_health_richness", 3.2, "kinds", "P4", "norm of the part", within=(0.1, 8)),
    ratio("action_health_consistency", 0.78, "P4", "norm of the part"),
    amount("action_health_least_visits", 3, "visits", "P4", "of a customer type in the month"),
    amount("coach_below_index", 85, "points", "P4", "two months running", within=(0, 100)),
    amount(
        "qualified_summary_characters",
        10,
        "characters",
        "P9",
        "a qualified action's summary has",
        within=(1, LONGEST_COUNTED_SUMMARY),
    ),
    amount("qualified_actions_a_day", 2, "actions", "P9", "a rep records at least"),
    amount("first_visit_days", 90, "days", "P9", "after a first visit its close rate is judged"),
    ratio("first_visit_red_share", 0.85, "P9", "of the siblings' mean, below it red"),
    amount(
        "revisions_warning_above",
        3,
        "revisions",
        "P13",
        "more of a proposal warn",
        within=(FEWEST_REVISIONS, 100),
    ),
    amount(
        "revisions_questions_below",
        2,
        "questions",
        "P13",
        "fewer of the customer warn",
        within=(1, MOST_QUESTIONS),
    ),
    amount(
        "score_bucket_points", 20, "points", "P14", "width of the distribution", within=(1, 100)
    ),
    text("phone_region", "CN", "L1", "of phone numbers without a country code", REGION),
    flag("budget_status_required", False, "L2", "before a lead is assigned or followed up"),
    *(
        amount(f"lead_points_{name}", points, "points", "L4", meaning, within=(0, most))
        for meaning, most, table in (
            ("for a lead from this source", 30, LEAD_SOURCE_POINTS),
            ("for this behaviour, once", 40, LEAD_BEHAVIOUR_POINTS),
        )
        for name, points in table.items()
    ),
    amount("lead_score_threshold", 60, "points", "L4", "returned below", within=(0, 100)),
    amount("lead_first_judged_hours", 24, "hours", "L4", "after capture", within=HOURS),
    amount("lead_timely_hours", 24, "hours", "L4", "until contact, for all points", within=HOURS),
    amount("lead_late_hours", 72, "hours", "L4", "until contact, for no points", within=HOURS),
    flag("lead_score_in_business_time", True, "L4", "its hours leave out non-working days"),
    amount("high_value_lead_score", 80, "points", "L5", "weighted track from", within=(0, 100)),
    amount("rep_seen_minutes", 15, "minutes", "L5", "counts as online for", within=(1, 1_440)),
    amount("open_lead_cap", 30, "leads", "L5", "open at once for one rep"),
    amount("newcomer_days", 14, "days", "L5", "no leads at first", within=(0, 366)),
    amount("win_rate_days", 180, "days", "L5", "closed opportunities looked at"),
    amount("lead_appeal_minutes", 120, "minutes", "L6", "after being assigned", within=MINUTES),
    ratio("budget_fill_rate", 0.7, "L9", "below it two months running: no new leads"),
    amount("budget_fill_least_leads", 20, "leads", "L9", "in a month that is judged"),
    amount("budget_fill_after_hours", 48, "hours", "L9", "younger ones wait", within=HOURS),
    amount("lead_sleeping_hours", 72, "hours", "L11", "without a second contact", within=HOURS),
    flag("lead_sleeping_in_business_time", True, "L11", "its hours leave out non-working days"),
    amount("doubt_burst_actions", 5, "actions", "S4", "recorded in a burst"),
    amount("doubt_burst_minutes", 10, "minutes", "S4", "a burst lasts", within=MINUTES),
    amount("doubt_burst_late_hours", 24, "hours", "S4", "each recorded after", within=HOURS),
    amount("doubt_template_actions", 5, "summaries", "S4", "that are alike"),
    amount("doubt_template_of_last", 20, "summaries", "S4", "looked at", within=(2, 200)),
    ratio("doubt_template_similarity", 0.9, "S4", "alike from this similarity on"),
    amount("doubt_month_end_actions", 10, "actions", "S4", "of a kind in the month"),
    amount("doubt_month_end_days", 4, "days", "S4", "with more than half", within=(1, 10)),
    amount("doubt_month_end_after_day", 20, "day", "S4", "of the month", within=(1, 30)),
    amount("doubt_gap_working_days", 7, "days", "S4", "without the action", within=(1, 60)),
    amount("doubt_gap_weeks", 8, "weeks", "S4", "whose mean is made up", within=(1, 8)),
    amount("doubt_gap_least_actions", 3, "actions", "S4", "on the day, at least"),
    amount("doubt_speed_kmh", 150, "km/h", "S4", "between visits, faster is doubted"),
    amount("doubt_distance_metres", 300, "metres", "S4", "from the customer's place"),
    amount("doubt_photo_metres", 500, "metres", "S4", "from where the photo was taken"),
    amount("doubt_photo_minutes", 30, "minutes", "S4", "from when it was", within=MINUTES),
    TenantSetting(
        name="hot_words",
        kind="words",
        default=["价格", "报价", "样品", "price", "quote", "sample"],
        rule="L8",
        meaning="in a group-chat message, which then becomes a lead",
        fits=few_words,
    ),
    amount("first_response_recent_days", 7, "days", "L10", "median looked at", within=(1, 366)),
    amount("first_response_before_days", 28, "days", "L10", "compared with", within=(1, 366)),
    amount("first_response_least", 20, "responses", "L10", "in both, or nothing is said"),
    amount("first_response_alert_percent", 200, "percent", "L10", "of the median before"),
)

TENANT_SETTINGS: Mapping[str, TenantSetting] = {setting.name: setting for setting in _CATALOGUE}


def default_of(name: str) -> SettingValue:
    """The value where a tenant set nothing. Raises KeyError for a name not in the catalogue."""
    return TENANT_SETTINGS[name].default


def setting_problems(settings: Mapping[str, SettingValue]) -> tuple[FieldProblem, ...]:
    """What is wrong with values by setting name; empty where all of them fit."""
    problems = []
    for name in sorted(settings):
        setting = TENANT_SETTINGS.get(name)
        if setting is None:
            problems.append(FieldProblem(f"settings.{name}", "unknown", "no such setting"))
        elif (refusal := setting.fits(settings[name])) is not None:
            problems.append(FieldProblem(f"settings.{name}", "out-of-range", refusal))
    return tuple(problems)
