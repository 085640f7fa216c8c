"""The tables of the boards as files for people: a line for each figure, heads in their language."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Response

from services.projections.domain.words import say as say_of_board
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit

Row = Mapping[str, Any]


def breakpoints_file(visit: Visit, rows: Iterable[Row]) -> Response:
    """A line for each opportunity that lost hours."""
    say = visit.words.say
    columns = (
        *(say("Stage"), say("Hours over in all"), say("Opportunity"), say("Customer")),
        *(say("Hours over"), say("Owner"), say("Unit")),
    )
    table = [
        (
            visit.stage(row["stage"]),
            row["hours_over"],
            one["opportunity_id"],
            visit.customer(one["customer_id"]),
            one["delay_hours"],
            visit.person(one["owner_id"]),
            visit.unit(one["unit_id"]),
        )
        for row in rows
        for one in row["opportunities"]
    ]
    return csv_file("breakpoints", columns, table)


def data_quality_file(
    visit: Visit, rows: Iterable[Row], fields: Sequence[tuple[str, str]]
) -> Response:
    """`fields`: those of the shared vocabulary, with their titles."""
    say = visit.words.say
    columns = (
        *(say("Unit"), say("Month"), say("Leads"), say("Duplicates")),
        *(say("Duplicates not reviewed"), say("Completeness")),
        *(title for _name, title in fields),
        *(say("Scored"), say("Median score")),
    )
    table = [
        (
            *(visit.unit(row["unit_id"]), row["month"], row["leads"], row["duplicates"]),
            *(row["unreviewed_duplicates"], row["completeness"]),
            *((row["completeness_by_field"] or {}).get(name) for name, _title in fields),
            *(row["scored"], row["score_median"]),
        )
        for row in rows
    ]
    return csv_file("data-quality", columns, table)


def goals_file(visit: Visit, rows: Iterable[Row], metrics: Mapping[str, str]) -> Response:
    """A line for each goal; shares as numbers up to 1."""
    say = visit.words.say
    columns = (
        *(say("Unit"), say("Rep"), say("Month"), say("What is to be reached")),
        *(say("Target"), say("Reached"), say("Share reached")),
    )
    table = [
        (
            *(*_whose(visit, row), row["month"], metrics[metric["metric"]]),
            *(metric["target"], metric["actual"], metric["attainment"]),
        )
        for row in rows
        for metric in row["metrics"]
        if not metric["absent"]
    ]
    return csv_file("goals", columns, table)


def lights_file(visit: Visit, rows: Iterable[Row]) -> Response:
    say = visit.words.say
    columns = (say("Unit"), say("Rep"), say("What is counted"), *_heads_of_lights(visit))
    language = visit.words.language
    table = [
        (
            *_whose(visit, row),
            say_of_board(f"light.{row['measure']}", language),
            *_light(row),
        )
        for row in rows
    ]
    return csv_file("traffic-lights", columns, table)


def golden_actions_file(
    visit: Visit, name: str, rows: Iterable[Row], titles: Mapping[str, str]
) -> Response:
    """`rows`: each of a unit or rep, a stage and an action, with its light named."""
    say = visit.words.say
    columns = (
        *(say("Unit"), say("Rep"), say("Stage"), say("Golden action")),
        *_heads_of_lights(visit),
    )
    table = [
        (
            *_whose(visit, row),
            visit.stage(row["stage"]),
            titles.get(row["action"], row["action"]),
            *_light(row),
        )
        for row in rows
    ]
    return csv_file(name, columns, table)


def funnel_file(visit: Visit, lines: Iterable[Row]) -> Response:
    """A line for each step."""
    say = visit.words.say
    columns = (
        *(say("Unit"), say("Rep"), say("Segment"), say("From"), say("To")),
        *(say("Entered"), say("Reached"), say("Pending"), say("Dropped")),
        *(say("Conversion"), say("Median hours")),
    )
    figures = ("entered", "reached", "pending", "dropped", "conversion", "median_hours")
    table = [
        (
            *(*_whose(visit, line), line["segment_named"]),
            *(step["from_named"], step["named"]),
            *(step[name] for name in figures),
        )
        for line in lines
        for step in line["steps"]
    ]
    return csv_file("funnel", columns, table)


def process_health_file(
    visit: Visit, of: str, rows: Iterable[Row], parts: Mapping[str, str]
) -> Response:
    """A line for each week of a unit or rep; `parts`: their titles."""
    say = visit.words.say
    columns = (
        *(say("Unit"), say("Rep"), say("Week"), say("Index")),
        *(say(title) for title in parts.values()),
    )
    table = [
        (*_whose(visit, row), row["week"], row["index"], *(row[part] for part in parts))
        for row in rows
    ]
    return csv_file(f"process-health-{of}", columns, table)


def instruction_file(visit: Visit, stage: str, rows: Iterable[Row]) -> Response:
    """`rows`: the opportunities behind one instruction."""
    say = visit.words.say
    columns = (
        *(say("Stage"), say("Hours over"), say("Opportunity")),
        *(say("Customer"), say("Owner")),
    )
    table = [
        (
            visit.stage(stage),
            row["hours_over"],
            row["opportunity_id"],
            visit.customer(row["customer_id"]),
            visit.person(row["owner_id"]) if row["owner_id"] else "",
        )
        for row in rows
    ]
    return csv_file("instruction", columns, table)


def _whose(visit: Visit, row: Row) -> tuple[str, str]:
    rep_id = row.get("rep_id")
    unit_id = row["unit_id"]
    return visit.unit(unit_id) if unit_id else "", visit.person(rep_id) if rep_id else ""


def _heads_of_lights(visit: Visit) -> tuple[str, ...]:
    say = visit.words.say
    return say("In time"), say("Due"), say("Rate"), say("Light")


def _light(row: Row) -> tuple[Any, ...]:
    met = row["met"] if "met" in row else row["done"]
    return met, row["due"], row["rate"], row["light_named"]
