"""Reading a mapping: the TOML document becomes a HistoryMapping, or everything wrong is named."""

from typing import Any
from zoneinfo import ZoneInfo

from services.opportunities.domain.history_mapping import (
    ACTIVITY,
    ACTOR,
    CASE,
    LIFECYCLE,
    ROLES,
    TIME,
    ActionForm,
    CustomerForm,
    FileForm,
    HistoryMapping,
    MappingIsMalformed,
    OpportunityForm,
    RepForm,
    TimeForm,
    UnitOfHistory,
)
from services.opportunities.domain.history_rule_reading import read_rule
from services.opportunities.domain.history_table import Document, TableReader
from services.opportunities.domain.history_template import Template, parse_template
from shared.errors import FieldProblem
from shared.events.directory import SettingValue
from shared.setting_kinds import zone_problem
from shared.tenant_settings import setting_problems

_TIME_FORMATS = ("iso", "epoch-seconds", "epoch-milliseconds")
_NO_TEXT = parse_template("-")


def parse_mapping(document: Document) -> HistoryMapping:
    """Raises MappingIsMalformed with one problem for every key that is unknown, absent or wrong."""
    problems: list[FieldProblem] = []
    root = TableReader(document, "", problems)
    columns = _columns(root.inner("columns", required=True))
    mapping = HistoryMapping(
        source=root.text("source", required=True),
        pipeline=root.text("pipeline", required=True),
        columns=columns,
        file=read_file_form(root.inner("file")),
        time=read_time_form(root.inner("time")),
        opportunity=_opportunity(root.inner("opportunity", required=True)),
        customer=_customer(root.inner("customer")),
        reps=read_reps(root.inner("reps")),
        owner=_owner(root.inner("owner")),
        units=tuple(read_unit(table) for table in root.each("unit")),
        rules=tuple(read_rule(table) for table in root.each("rule")),
        action=_action(root.inner("action"), columns),
        settings=_settings(root),
    )
    root.finish()
    problems.extend(_unnamed_values(mapping))
    if problems:
        raise MappingIsMalformed("the mapping cannot be used", errors=problems)
    return mapping


def _columns(table: TableReader) -> dict[str, str]:
    columns = {}
    for role in ROLES:
        column = table.text(role, required=role in {CASE, TIME, ACTIVITY})
        if column:
            columns[role] = column
    further = table.inner("further")
    for name in further.table:
        columns[name] = further.text(name)
        if name in ROLES:
            further.note(name, "reserved", "is named in columns itself")
    further.finish()
    table.finish()
    return columns


def read_file_form(table: TableReader) -> FileForm:
    encoding = table.text("encoding", default="utf-8")
    try:
        "".encode(encoding)
    except LookupError:
        table.note("encoding", "unknown", "no such encoding")
    delimiter = table.text("delimiter", default=",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        table.note("delimiter", "malformed", "must be one character, no quote")
    form = FileForm(
        encoding=encoding,
        delimiter=delimiter,
        sheet=table.text("sheet") or None,
        decimal_mark=table.choice("decimal_mark", (".", ",")),
    )
    table.finish()
    return form


def read_time_form(table: TableReader) -> TimeForm:
    given = table.anything("format")
    formats = (given,) if isinstance(given, str) else given
    if formats is None:
        formats = ("iso",)
    if not (isinstance(formats, list | tuple) and formats and all(map(_is_time_format, formats))):
        table.note("format", "unknown", "iso, epoch-seconds, epoch-milliseconds or like %d.%m.%Y")
        formats = ("iso",)
    zone = table.text("zone", default="UTC")
    if (refusal := zone_problem(zone)) is not None:
        table.note("zone", "unknown", refusal)
        zone = "UTC"
    table.finish()
    return TimeForm(formats=tuple(formats), zone=ZoneInfo(zone))


def _is_time_format(given: Any) -> bool:
    return isinstance(given, str) and (given in _TIME_FORMATS or "%" in given)


def _opportunity(table: TableReader) -> OpportunityForm:
    form = OpportunityForm(
        id=table.template("id", required=True) or _NO_TEXT,
        customer=table.template("customer", required=True) or _NO_TEXT,
        unit=table.template("unit", required=True) or _NO_TEXT,
        currency=table.template("currency"),
        opened_by=table.choice("opened_by", ("first-row", "rule")),
        backward_reason=table.text("backward_reason", default="imported history"),
        skip_reason=table.text("skip_reason", default="imported history"),
    )
    table.finish()
    return form


def _customer(table: TableReader) -> CustomerForm:
    form = CustomerForm(
        name=table.template("name"),
        customer_type=table.template("type"),
        industry=table.template("industry"),
    )
    table.finish()
    return form


def read_reps(table: TableReader) -> RepForm | None:
    if not table.table:
        return None
    by_actor = table.inner("units")
    form = RepForm(
        id=table.template("id", required=True) or _NO_TEXT,
        unit=table.template("unit", required=True) or _NO_TEXT,
        unit_parent=table.text("unit_parent") or None,
        name=table.template("name"),
        nobody=frozenset(table.texts("nobody")),
        units={actor: by_actor.text(actor) for actor in by_actor.table},
    )
    by_actor.finish()
    table.finish()
    return form


def _owner(table: TableReader) -> str:
    owner = table.choice("is", ("first", "latest", "none"))
    table.finish()
    return owner


def read_unit(table: TableReader) -> UnitOfHistory:
    unit_id = table.text("id", required=True)
    unit = UnitOfHistory(
        unit_id=unit_id,
        name=table.text("name", default=unit_id),
        parent_id=table.text("parent") or None,
        kind=table.text("kind", default="team"),
    )
    table.finish()
    return unit


def _action(table: TableReader, columns: dict[str, str]) -> ActionForm:
    fields = table.texts("fields")
    for name in fields:
        if name in ROLES or name not in columns:
            table.note("fields", "unknown", f"{name!r} is not one of columns.further")
    usual = "{activity} {lifecycle}" if LIFECYCLE in columns else "{activity}"
    form = ActionForm(
        type=table.template("type") or parse_template(usual),
        summary=table.template("summary"),
        fields=fields,
    )
    table.finish()
    return form


def _settings(root: TableReader) -> dict[str, SettingValue]:
    table = root.inner("settings")
    settings = dict(table.table)
    root.problems.extend(setting_problems(settings))
    return settings


def _unnamed_values(mapping: HistoryMapping) -> list[FieldProblem]:
    """Templates and conditions that read a value which no column gives."""
    problems = []
    for path, names in _names_read(mapping):
        for name in names:
            if name not in mapping.columns:
                message = f"{name!r} is not among the columns"
                problems.append(FieldProblem(path, "unknown-column", message))
    if mapping.owner != "none" and mapping.reps is not None and ACTOR not in mapping.columns:
        problems.append(FieldProblem("columns.actor", "required", "reps come from actors"))
    return problems


def _names_read(mapping: HistoryMapping) -> list[tuple[str, tuple[str, ...]]]:
    opportunity, customer, reps = mapping.opportunity, mapping.customer, mapping.reps
    templates: list[tuple[str, Any]] = [
        ("opportunity.id", opportunity.id),
        ("opportunity.customer", opportunity.customer),
        ("opportunity.unit", opportunity.unit),
        ("opportunity.currency", opportunity.currency),
        ("customer.name", customer.name),
        ("customer.type", customer.customer_type),
        ("customer.industry", customer.industry),
        ("action.type", mapping.action.type),
        ("action.summary", mapping.action.summary),
    ]
    if reps is not None:
        templates += [("reps.id", reps.id), ("reps.unit", reps.unit), ("reps.name", reps.name)]
    read = [
        (path, template.names) for path, template in templates if isinstance(template, Template)
    ]
    for index, rule in enumerate(mapping.rules):
        conditions = tuple(condition.name for condition in rule.conditions)
        read.append((f"rule[{index}].when", conditions))
        if rule.action is not None:
            read.append((f"rule[{index}].action", rule.action.names))
        if (reason := getattr(rule.meaning, "reason", None)) is not None:
            read.append((f"rule[{index}].lose", reason.names))
    return read
