"""What is said of doubted records on the pages: rules, figures, what became of a case (S4)."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.lead_words import said
from services.projections.pages.visits import Visit

STATES: Mapping[str, str] = {
    "open": message("to be judged"),
    "genuine": message("the doubt was right"),
    "false": message("the doubt was wrong"),
}
RULES: Mapping[str, str] = {
    "entry_burst": message("Many late entries at once"),
    "template": message("The same text again and again"),
    "month_end": message("Crowded at the end of the month"),
    "gap": message("Made up for in one day"),
    "place_and_time": message("Place and time do not fit"),
    "dates": message("Dates do not fit"),
}
_ABOUT: Mapping[str, str] = {
    "entry_burst": message("Several records, each long after it happened, were entered together."),
    "template": message("Several of the latest texts are nearly the same."),
    "month_end": message("More than half of the month's records fall on a few days at its end."),
    "gap": message("After days of nothing a week's worth was done in one day."),
    "place_and_time": message("Where it was recorded is not where or when it can have been."),
    "dates": message("One date is further from another than the rule allows."),
}
_FIGURES: Mapping[str, str] = {
    "actions": message("records"),
    "minutes": message("minutes"),
    "late_hours": message("hours late"),
    "of_last": message("of the last"),
    "similarity": message("similarity"),
    "month": message("month"),
    "day": message("day"),
    "kind": message("kind of action"),
    "share": message("share"),
    "together": message("on these days"),
    "rested_working_days": message("working days without"),
    "weekly_mean": message("a week on average"),
    "kilometres": message("kilometres"),
    "speed_kmh": message("km/h between two visits"),
    "metres_from_customer": message("metres from the customer"),
    "photo_metres_off": message("metres from the photo's place"),
    "photo_minutes_off": message("minutes from the photo's time"),
    "reused_from": message("evidence taken from"),
    "earlier": message("earlier date"),
    "later": message("later date"),
    "limit_hours": message("hours allowed"),
    "hours_over": message("hours over"),
}


def rule_of_case(visit: Visit, rule: str) -> str:
    return said(visit, RULES, rule)


def about_rule(visit: Visit, rule: str) -> str:
    return said(visit, _ABOUT, rule)


def figures_in_words(
    visit: Visit, figures: Mapping[str, Any], titles: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Each with its name; what is not known is a dash."""
    return list(_figures(visit, figures, titles))


def _figures(
    visit: Visit, figures: Mapping[str, Any], titles: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        label = said(visit, _FIGURES, name)
        match value:
            case None:
                yield label, "–"
            case list():
                yield label, ", ".join(map(str, value))
            case int() | float():
                yield label, visit.words.number(value)
            case _:
                yield label, titles.get(str(value), str(value))
