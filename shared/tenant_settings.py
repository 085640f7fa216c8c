"""What a tenant may set: every setting with its kind, unit, default and the rule it belongs to."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.errors import FieldProblem
from shared.events.directory import SettingValue

_TIME_OF_DAY = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_DAILY_HOURS = re.compile(rf"{_TIME_OF_DAY.pattern}-{_TIME_OF_DAY.pattern}")

Fits = Callable[[SettingValue], str | None]
"""None where the value fits, otherwise what it must be."""


class Form(NamedTuple):
    """How a text is written: its kind, and what refuses another."""

    kind: str
    fits: Fits


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSetting:
    """`unit` is what a number counts; `rule` the id in the specification that reads it."""

    name: str
    kind: str
    default: SettingValue
    rule: str
    meaning: str
    unit: str | None = None
    fits: Fits


def _number(at_least: float, at_most: float) -> Fits:
    def fits(value: SettingValue) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and at_least <= float(value) <= at_most:  # type: ignore[arg-type]  # a number
            return None
        return f"must be a number from {at_least:g} to {at_most:g}"

    return fits


def _whole_number(at_least: int, at_most: int) -> Fits:
    def fits(value: SettingValue) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and at_least <= value <= at_most:
            return None
        return f"must be a whole number from {at_least} to {at_most}"

    return fits


def _one_of(*choices: str) -> Fits:
    def fits(value: SettingValue) -> str | None:
        return None if value in choices else f"must be one of {', '.join(choices)}"

    return fits


def _written_as(pattern: re.Pattern[str], example: str) -> Fits:
    def fits(value: SettingValue) -> str | None:
        if isinstance(value, str) and pattern.fullmatch(value):
            return None
        return f"must be written like {example}"

    return fits


def _working_hours(value: SettingValue) -> str | None:
    if isinstance(value, str) and _DAILY_HOURS.fullmatch(value) and value[:5] < value[6:]:
        return None
    return "must be written like 09:00-18:00, the end after the start"


def _yes_or_no(value: SettingValue) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def zone_problem(value: SettingValue) -> str | None:
    """None for the name of a time zone that the tz database has."""
    refusal = "must be the name of a time zone, like Asia/Shanghai"
    if not isinstance(value, str) or not value:
        return refusal
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return refusal
    return None


FEWEST_CONTACTS = 2
SHORTEST_APPROVAL_HOURS = 1
LONGEST_REMINDER_HOURS = 168
SHORTEST_VISIT_HOURS = 1
FEWEST_REVISIONS = 1
MOST_QUESTIONS = 100
"""Bounds that the projections' lower bound of due times relies on."""

LONGEST_COUNTED_SUMMARY = 50
"""Of a longer summary the figures know no more than that it is longer."""

_ANY = (1, 100_000)
_HOURS = (1, 8_784)
_MINUTES = (1, 527_040)

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

MOST_HOT_WORDS = 200
LONGEST_HOT_WORD = 40


def _ratio(name: str, default: float, rule: str, meaning: str) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="number",
        default=default,
        rule=rule,
        meaning=meaning,
        unit="ratio",
        fits=_number(0, 1),
    )


def _measure(  # a line of the catalogue
    name: str,
    default: float,
    unit: str,
    rule: str,
    meaning: str,
    *,
    within: tuple[float, float],
) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="number",
        default=default,
        rule=rule,
        meaning=meaning,
        unit=unit,
        fits=_number(*within),
    )


def _amount(  # a line of the catalogue
    name: str, default: int, unit: str, rule: str, meaning: str, *, within: tuple[int, int] = _ANY
) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="integer",
        default=default,
        rule=rule,
        meaning=meaning,
        unit=unit,
        fits=_whole_number(*within),
    )


def _text(name: str, default: str, rule: str, meaning: str, form: Form) -> TenantSetting:
    return TenantSetting(
        name=name, kind=form.kind, default=default, rule=rule, meaning=meaning, fits=form.fits
    )


def _flag(name: str, default: bool, rule: str, meaning: str) -> TenantSetting:
    return TenantSetting(
        name=name, kind="boolean", default=default, rule=rule, meaning=meaning, fits=_yes_or_no
    )


def _few_words(value: SettingValue) -> str | None:
    """Each is looked for in every message: bounded."""
    if (
        isinstance(value, list)
        and len(value) <= MOST_HOT_WORDS
        and all(isinstance(each, str) and 0 < len(each) <= LONGEST_HOT_WORD for each in value)
    ):
        return None
    return f"must be up to {MOST_HOT_WORDS} words of 1-{LONGEST_HOT_WORD} characters"


_ZONE = Form("zone", zone_problem)
_REGION = Form("region", _written_as(re.compile("[A-Z]{2}"), "CN"))
_CLOCK_TIME = Form("time", _written_as(_TIME_OF_DAY, "16:00"))
_WORKING_HOURS = Form("hours", _working_hours)
_OVERRUN = Form("choice", _one_of("silence", "dwell"))

_CATALOGUE = (
    _text("zone", "Asia/Shanghai", "words", "calendar of days, weeks and months", _ZONE),
    _text("business_hours", "09:00-18:00", "N2", "open on working days", _WORKING_HOURS),
    _ratio("healthy_stage_compliance", 0.92, "P3", "healthy at or above"),
    _ratio("healthy_evidence_rate", 0.85, "P3", "healthy at or above"),
    _ratio("healthy_silence_overrun", 0.15, "P3", "healthy at or below"),
    _text("index_uses", "silence", "P3", "which overrun enters the index", _OVERRUN),
    _ratio("index_weight_stage_compliance", 0.6, "P3", "weight in the process health index"),
    _ratio("index_weight_evidence_rate", 0.3, "P3", "weight in the process health index"),
    _ratio("index_weight_silence_overrun", 0.1, "P3", "weight in the process health index"),
    _amount("workshop_worst_opportunities", 10, "opportunities", "P3", "shown with the proposal"),
    _amount("correlation_minimum_closed", 5, "opportunities", "P3", "closed in the four weeks"),
    _amount("correlation_minimum_points", 12, "points", "P3", "below it nothing is shown"),
    _ratio("light_green", 0.90, "P5", "green at or above"),
    _ratio("light_yellow", 0.70, "P5", "yellow at or above, red below"),
    _ratio("golden_action_gate", 0.92, "P5", "promotion and entry gate, last full quarter"),
    _amount(
        "approval_limit_hours",
        48,
        "hours",
        "O6",
        "a step older than this escalates",
        within=(SHORTEST_APPROVAL_HOURS, 8_784),
    ),
    _flag("approval_in_business_time", True, "O6", "the limit leaves out non-working days"),
    _amount(
        "no_response_after",
        3,
        "contacts",
        "O14",
        "outbound in a row without a reaction",
        within=(FEWEST_CONTACTS, 100),
    ),
    _amount(
        "next_action_reminder_hours",
        24,
        "hours",
        "O1",
        "reminder before it is due",
        within=(1, LONGEST_REMINDER_HOURS),
    ),
    _amount("clock_skew_tolerance_seconds", 120, "seconds", "G5", "sent_at may differ so much"),
    _amount("clock_ahead_limit_hours", 24, "hours", "G5", "without sent_at refused beyond"),
    _amount("evidence_kept_unreferred_hours", 24, "hours", "O5", "then an upload is removed"),
    _amount("instruction_stuck_days", 5, "days", "P11", "in a stage for longer is stuck"),
    _text("instruction_before", "16:00", "P11", "call together before", _CLOCK_TIME),
    _text("instruction_turns_at", "14:00", "P11", "after it the next working day", _CLOCK_TIME),
    _text("instruction_next_day", "10:00", "P11", "and then by this time", _CLOCK_TIME),
    _ratio("delivery_rate_alert", 0.95, "N5", "a channel below it alerts the operator"),
    _amount("visit_next_action_days", 7, "days", "O4", "the next action due after a visit"),
    _amount(
        "visit_incomplete_hours",
        24,
        "hours",
        "O4",
        "an incomplete visit older than this is signalled",
        within=(SHORTEST_VISIT_HOURS, 8_784),
    ),
    _amount("door_code_days", 365, "days", "O4", "a door code holds", within=(1, 3_660)),
    _amount("timely_record_hours", 24, "hours", "P4", "recorded within", within=_HOURS),
    _ratio("action_health_timeliness", 0.95, "P4", "norm of the part"),
    _measure("action_health_richness", 3.2, "kinds", "P4", "norm of the part", within=(0.1, 8)),
    _ratio("action_health_consistency", 0.78, "P4", "norm of the part"),
    _amount("action_health_least_visits", 3, "visits", "P4", "of a customer type in the month"),
    _amount("coach_below_index", 85, "points", "P4", "two months running", within=(0, 100)),
    _amount(
        "qualified_summary_characters",
        10,
        "characters",
        "P9",
        "a qualified action's summary has",
        within=(1, LONGEST_COUNTED_SUMMARY),
    ),
    _amount("qualified_actions_a_day", 2, "actions", "P9", "a rep records at least"),
    _amount("first_visit_days", 90, "days", "P9", "after a first visit its close rate is judged"),
    _ratio("first_visit_red_share", 0.85, "P9", "of the siblings' mean, below it red"),
    _amount(
        "revisions_warning_above",
        3,
        "revisions",
        "P13",
        "more of a proposal warn",
        within=(FEWEST_REVISIONS, 100),
    ),
    _amount(
        "revisions_questions_below",
        2,
        "questions",
        "P13",
        "fewer of the customer warn",
        within=(1, MOST_QUESTIONS),
    ),
    _amount(
        "score_bucket_points", 20, "points", "P14", "width of the distribution", within=(1, 100)
    ),
    _text("phone_region", "CN", "L1", "of phone numbers without a country code", _REGION),
    _flag("budget_status_required", False, "L2", "before a lead is assigned or followed up"),
    *(
        _amount(f"lead_points_{name}", points, "points", "L4", meaning, within=(0, most))
        for meaning, most, table in (
            ("for a lead from this source", 30, LEAD_SOURCE_POINTS),
            ("for this behaviour, once", 40, LEAD_BEHAVIOUR_POINTS),
        )
        for name, points in table.items()
    ),
    _amount("lead_score_threshold", 60, "points", "L4", "returned below", within=(0, 100)),
    _amount("lead_first_judged_hours", 24, "hours", "L4", "after capture", within=_HOURS),
    _amount("lead_timely_hours", 24, "hours", "L4", "until contact, for all points", within=_HOURS),
    _amount("lead_late_hours", 72, "hours", "L4", "until contact, for no points", within=_HOURS),
    _flag("lead_score_in_business_time", True, "L4", "its hours leave out non-working days"),
    _amount("high_value_lead_score", 80, "points", "L5", "weighted track from", within=(0, 100)),
    _amount("rep_seen_minutes", 15, "minutes", "L5", "counts as online for", within=(1, 1_440)),
    _amount("open_lead_cap", 30, "leads", "L5", "open at once for one rep"),
    _amount("newcomer_days", 14, "days", "L5", "no leads at first", within=(0, 366)),
    _amount("win_rate_days", 180, "days", "L5", "closed opportunities looked at"),
    _amount("lead_appeal_minutes", 120, "minutes", "L6", "after being assigned", within=_MINUTES),
    _ratio("budget_fill_rate", 0.7, "L9", "below it two months running: no new leads"),
    _amount("budget_fill_least_leads", 20, "leads", "L9", "in a month that is judged"),
    _amount("budget_fill_after_hours", 48, "hours", "L9", "younger ones wait", within=_HOURS),
    _amount("lead_sleeping_hours", 72, "hours", "L11", "without a second contact", within=_HOURS),
    _flag("lead_sleeping_in_business_time", True, "L11", "its hours leave out non-working days"),
    _amount("doubt_burst_actions", 5, "actions", "S4", "recorded in a burst"),
    _amount("doubt_burst_minutes", 10, "minutes", "S4", "a burst lasts", within=_MINUTES),
    _amount("doubt_burst_late_hours", 24, "hours", "S4", "each recorded after", within=_HOURS),
    _amount("doubt_template_actions", 5, "summaries", "S4", "that are alike"),
    _amount("doubt_template_of_last", 20, "summaries", "S4", "looked at", within=(2, 200)),
    _ratio("doubt_template_similarity", 0.9, "S4", "alike from this similarity on"),
    _amount("doubt_month_end_actions", 10, "actions", "S4", "of a kind in the month"),
    _amount("doubt_month_end_days", 4, "days", "S4", "with more than half", within=(1, 10)),
    _amount("doubt_month_end_after_day", 20, "day", "S4", "of the month", within=(1, 30)),
    _amount("doubt_gap_working_days", 7, "days", "S4", "without the action", within=(1, 60)),
    _amount("doubt_gap_weeks", 8, "weeks", "S4", "whose mean is made up", within=(1, 8)),
    _amount("doubt_gap_least_actions", 2, "actions", "S4", "on the day, at least"),
    _amount("doubt_speed_kmh", 150, "km/h", "S4", "between visits, faster is doubted"),
    _amount("doubt_distance_metres", 300, "metres", "S4", "from the customer's place"),
    _amount("doubt_photo_metres", 500, "metres", "S4", "from where the photo was taken"),
    _amount("doubt_photo_minutes", 30, "minutes", "S4", "from when it was", within=_MINUTES),
    TenantSetting(
        name="hot_words",
        kind="words",
        default=["价格", "报价", "样品", "price", "quote", "sample"],
        rule="L8",
        meaning="in a group-chat message, which then becomes a lead",
        fits=_few_words,
    ),
    _amount("first_response_recent_days", 7, "days", "L10", "median looked at", within=(1, 366)),
    _amount("first_response_before_days", 28, "days", "L10", "compared with", within=(1, 366)),
    _amount("first_response_least", 20, "responses", "L10", "in both, or nothing is said"),
    _amount("first_response_alert_percent", 200, "percent", "L10", "of the median before"),
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
