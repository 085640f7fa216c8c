"""What the columns of a file of leads mean (G2), as a value read from a TOML document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from services.leads.api.lead_bodies import Behaviour, Source
from services.opportunities.domain.history_mapping import (
    Condition,
    FileForm,
    MappingIsMalformed,
    RepForm,
    TimeForm,
    UnitOfHistory,
)
from services.opportunities.domain.history_mapping_reading import (
    read_file_form,
    read_reps,
    read_time_form,
    read_unit,
)
from services.opportunities.domain.history_rule_reading import read_conditions
from services.opportunities.domain.history_table import Document, TableReader
from services.opportunities.domain.history_template import Template, parse_template
from shared.errors import FieldProblem

KIND = "leads"
LEAD, CAPTURED_AT, ENDED_AT = "lead", "captured_at", "ended_at"
OTHER_SOURCE = "other"
_FIELDS = ("industry", "size", "region", "budget_status")
_CUSTOMER = ("id", "name", "type", "industry", "credit_code")
_CONTACT = ("name", "phone", "email")
_NO_TEXT = parse_template("-")

Ending = Literal["won", "converted", "disqualified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingRule:
    """Rows for which all conditions hold say that the lead ended so: at the time of the column
    `ended_at` where the file has one, else when the row was known."""

    conditions: tuple[Condition, ...]
    ending: Ending
    opportunity: Template
    reason: Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRule:
    conditions: tuple[Condition, ...]
    behaviour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadMapping:
    """`columns`: what each value of a row is called, by the file's name for it. `only_known`: rows
    say more of leads that are there. `sources`: ours by the file's. `absent`: values that mean
    that nothing is known. Of `attributes` the `numbers` are numbers, the others choices."""

    source: str
    columns: Mapping[str, str]
    file: FileForm
    time: TimeForm
    lead_id: Template
    only_known: bool
    unit: Template
    source_of_lead: Template | None
    sources: Mapping[str, str]
    fields: Mapping[str, Template]
    attributes: Mapping[str, Template]
    numbers: frozenset[str]
    absent: frozenset[str]
    customer: Mapping[str, Template]
    contact: Mapping[str, Template]
    behaviours: tuple[BehaviourRule, ...]
    endings: tuple[EndingRule, ...]
    reps: RepForm | None
    units: tuple[UnitOfHistory, ...]


def is_of_leads(document: Document) -> bool:
    return document.get("kind") == KIND


def parse_lead_mapping(document: Document) -> LeadMapping:
    """Raises MappingIsMalformed with one problem for every key that is unknown, absent or wrong."""
    problems: list[FieldProblem] = []
    root = TableReader(document, "", problems)
    root.text("kind", required=True)
    lead = root.inner("lead", required=True)
    attributes = root.inner("attributes")
    mapping = LeadMapping(
        source=root.text("source", required=True),
        columns=_columns(root.inner("columns", required=True)),
        file=read_file_form(root.inner("file")),
        time=read_time_form(root.inner("time")),
        lead_id=lead.template("id", required=True) or _NO_TEXT,
        only_known=lead.flag("only_known"),
        unit=lead.template("unit", required=True) or _NO_TEXT,
        source_of_lead=lead.template("source"),
        sources=_sources(lead.inner("sources")),
        fields=_templates(lead.inner("fields"), _FIELDS),
        numbers=frozenset(root.texts("numbers")),
        absent=frozenset(root.texts("absent")),
        attributes=_templates(attributes, tuple(attributes.table)),
        customer=_templates(root.inner("customer"), _CUSTOMER),
        contact=_templates(root.inner("contact"), _CONTACT),
        behaviours=tuple(_behaviour(table) for table in root.each("behaviour")),
        endings=tuple(_ending(table) for table in root.each("ending")),
        reps=read_reps(root.inner("reps")),
        units=tuple(read_unit(table) for table in root.each("unit")),
    )
    lead.finish()
    root.finish()
    problems.extend(_unnamed_values(mapping))
    if problems:
        raise MappingIsMalformed("the mapping cannot be used", errors=problems)
    return mapping


def _columns(table: TableReader) -> dict[str, str]:
    columns = {name: table.text(name) for name in table.table}
    table.text(LEAD, required=True)
    table.finish()
    return columns


def _templates(table: TableReader, names: tuple[str, ...]) -> dict[str, Template]:
    found = {name: table.template(name) for name in names}
    table.finish()
    return {name: template for name, template in found.items() if template is not None}


def _sources(table: TableReader) -> dict[str, str]:
    ours = get_args(Source)
    found = {}
    for name in table.table:
        found[name] = table.text(name)
        if found[name] not in ours:
            table.note(name, "unknown", f"must be one of {', '.join(ours)}")
    table.finish()
    return found


def _behaviour(table: TableReader) -> BehaviourRule:
    kinds = get_args(Behaviour)
    rule = BehaviourRule(
        conditions=read_conditions(table), behaviour=table.choice("is", (kinds[0], *kinds[1:]))
    )
    table.finish()
    return rule


def _ending(table: TableReader) -> EndingRule:
    endings: dict[str, Ending] = {each: each for each in get_args(Ending)}
    rule = EndingRule(
        conditions=read_conditions(table),
        ending=endings[table.choice("is", tuple(endings))],
        opportunity=table.template("opportunity") or parse_template("{lead}"),
        reason=table.template("reason"),
    )
    table.finish()
    return rule


def _unnamed_values(mapping: LeadMapping) -> list[FieldProblem]:
    """Templates and conditions that read a value which no column gives."""
    read: list[tuple[str, tuple[str, ...]]] = [
        ("lead.id", mapping.lead_id.names),
        ("lead.unit", mapping.unit.names),
        ("lead.source", mapping.source_of_lead.names if mapping.source_of_lead else ()),
    ]
    for path, templates in (
        ("lead.fields", mapping.fields),
        ("attributes", mapping.attributes),
        ("customer", mapping.customer),
        ("contact", mapping.contact),
    ):
        read += [(f"{path}.{name}", each.names) for name, each in templates.items()]
    for index, behaviour in enumerate(mapping.behaviours):
        read.append((f"behaviour[{index}].when", tuple(c.name for c in behaviour.conditions)))
    for index, ending in enumerate(mapping.endings):
        read.append((f"ending[{index}].when", tuple(c.name for c in ending.conditions)))
        read.append((f"ending[{index}].opportunity", ending.opportunity.names))
    problems = [
        FieldProblem(path, "unknown-column", f"{name!r} is not among the columns")
        for path, names in read
        for name in names
        if name not in mapping.columns
    ]
    for name in sorted(mapping.numbers - mapping.attributes.keys()):
        problems.append(FieldProblem("numbers", "unknown", f"{name!r} is no attribute"))
    return problems
