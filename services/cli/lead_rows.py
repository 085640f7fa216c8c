"""From the cells of one record to what a row says of a lead: a wrong cell costs only its row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError

from services.cli.lead_mapping import (
    CAPTURED_AT,
    ENDED_AT,
    LEAD,
    OTHER_SOURCE,
    Ending,
    LeadMapping,
)
from services.leads.api.lead_bodies import BudgetStatus, Source
from services.leads.domain.customer import CustomerDescription
from services.leads.domain.lead_state import LeadFields
from services.leads.domain.recognition import credit_code, credit_code_flaw
from services.opportunities.domain.history_cells import (
    CellIsWrong,
    RowProblem,
    absent_columns,
    time_reader,
)
from services.opportunities.domain.history_mapping import ColumnIsAbsent
from services.opportunities.domain.history_statement import RepOfHistory
from services.opportunities.domain.history_template import Template, ValueIsNoNumber, render
from shared.events.leads import Contact, LeadAttribute
from shared.http import Id

_LONGEST = 200
_ID: TypeAdapter[str] = TypeAdapter(Id)


class EndOfLead(NamedTuple):
    ending: Ending
    ended_at: datetime
    opportunity_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOfLead:
    """`customer_id`: as the mapping names it; None: by whom its description fits."""

    row: int
    file: str
    lead_id: str
    captured_at: datetime
    customer_id: str | None
    description: CustomerDescription
    unit_id: str
    source: str
    fields: LeadFields
    attributes: Mapping[str, LeadAttribute]
    behaviours: tuple[str, ...]
    end: EndOfLead | None
    rep: RepOfHistory | None


class _Wrong(Exception):
    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = (field, code, message)


class LeadRowParser:
    """`now`: when leads were captured of which the file does not say. Raises ColumnIsAbsent."""

    def __init__(
        self, mapping: LeadMapping, header: Sequence[str], now: datetime, typed: bool
    ) -> None:
        if problems := absent_columns(mapping, header):
            raise ColumnIsAbsent("the file lacks columns that the mapping names", errors=problems)
        self._mapping = mapping
        self._now = now
        self._width = len(header)
        self._at = {name: header.index(column) for name, column in mapping.columns.items()}
        self._read_time = time_reader(mapping.time, now, typed)

    def parse(self, row: int, file: str, cells: Sequence[str]) -> RowOfLead | RowProblem:
        if len(cells) != self._width:
            message = f"{len(cells)} columns instead of {self._width}"
            return RowProblem(row, file, "", "wrong-number-of-columns", message)
        values = {name: cells[place].strip() for name, place in self._at.items()}
        known = {
            name: "" if value in self._mapping.absent else value for name, value in values.items()
        }
        try:
            return self._row(row, file, known)
        except _Wrong as wrong:
            return RowProblem(row, file, *wrong.problem)

    def _row(self, row: int, file: str, values: Mapping[str, str]) -> RowOfLead:
        mapping = self._mapping
        if not values[LEAD]:
            raise _Wrong(mapping.columns[LEAD], "required", "is empty")
        captured_at = self._time(CAPTURED_AT, values) or self._now
        customer = mapping.customer.get("id")
        return RowOfLead(
            row=row,
            file=file,
            lead_id=_id("lead.id", mapping.lead_id, values),
            captured_at=captured_at,
            customer_id=None if customer is None else _id("customer.id", customer, values),
            description=self._description(values),
            unit_id=_id("lead.unit", mapping.unit, values),
            source=self._source(values),
            fields=self._fields(values),
            attributes=self._attributes(values),
            behaviours=tuple(
                rule.behaviour
                for rule in mapping.behaviours
                if all(each.holds(values[each.name]) for each in rule.conditions)
            ),
            end=self._end(values, captured_at),
            rep=self._rep(values),
        )

    def _time(self, name: str, values: Mapping[str, str]) -> datetime | None:
        if not values.get(name):
            return None
        try:
            return self._read_time(values[name])
        except CellIsWrong as wrong:
            raise _Wrong(self._mapping.columns[name], wrong.code, str(wrong)) from wrong

    def _source(self, values: Mapping[str, str]) -> str:
        template = self._mapping.source_of_lead
        said = "" if template is None else _text("lead.source", template, values)
        ours = self._mapping.sources.get(said, said)
        return ours if ours in get_args(Source) else OTHER_SOURCE

    def _fields(self, values: Mapping[str, str]) -> LeadFields:
        said = {
            name: _text(f"lead.fields.{name}", template, values) or None
            for name, template in self._mapping.fields.items()
        }
        status = said.get("budget_status")
        if status is not None and status not in get_args(BudgetStatus):
            choices = ", ".join(get_args(BudgetStatus))
            raise _Wrong("lead.fields.budget_status", "unknown", f"must be one of {choices}")
        return LeadFields(
            industry=said.get("industry"),
            size=said.get("size"),
            region=said.get("region"),
            budget_status=status,
        )

    def _attributes(self, values: Mapping[str, str]) -> dict[str, LeadAttribute]:
        """What is empty is not known, and not there."""
        found: dict[str, LeadAttribute] = {}
        for name, template in self._mapping.attributes.items():
            said = _text(f"attributes.{name}", template, values)
            if not said:
                continue
            try:
                found[name] = float(said) if name in self._mapping.numbers else said
            except ValueError:
                raise _Wrong(f"attributes.{name}", "not-a-number", "must be a number") from None
        return found

    def _description(self, values: Mapping[str, str]) -> CustomerDescription:
        mapping = self._mapping

        def said(path: str, templates: Mapping[str, Template], name: str) -> str | None:
            template = templates.get(name)
            return None if template is None else _text(f"{path}.{name}", template, values) or None

        code = said("customer", mapping.customer, "credit_code")
        if code is not None:
            code = credit_code(code)
            if (flaw := credit_code_flaw(code)) is not None:
                raise _Wrong("customer.credit_code", "credit-code", flaw)
        name = said("contact", mapping.contact, "name")
        phone = said("contact", mapping.contact, "phone")
        email = said("contact", mapping.contact, "email")
        contact = Contact(contact_id="first", name=name or "", phone=phone, email=email)
        return CustomerDescription(
            name=said("customer", mapping.customer, "name"),
            customer_type=said("customer", mapping.customer, "type"),
            industry=said("customer", mapping.customer, "industry"),
            contacts=(contact,) if name or phone or email else (),
            credit_code=code,
        )

    def _end(self, values: Mapping[str, str], captured_at: datetime) -> EndOfLead | None:
        for rule in self._mapping.endings:
            if all(each.holds(values[each.name]) for each in rule.conditions):
                return EndOfLead(
                    ending=rule.ending,
                    ended_at=self._time(ENDED_AT, values) or captured_at,
                    opportunity_id=_id("ending.opportunity", rule.opportunity, values),
                    reason=_text("ending.reason", rule.reason, values) if rule.reason else "",
                )
        return None

    def _rep(self, values: Mapping[str, str]) -> RepOfHistory | None:
        form = self._mapping.reps
        if form is None or any(not values[name] for name in form.id.names):
            return None
        return RepOfHistory(
            rep_id=_id("reps.id", form.id, values),
            unit_id=_id("reps.unit", form.unit, values),
            unit_parent=form.unit_parent,
            name=None if form.name is None else _text("reps.name", form.name, values),
        )


def _text(field: str, template: Template, values: Mapping[str, str]) -> str:
    value_of: Callable[[str], str] = values.__getitem__
    try:
        said = render(template, value_of)
    except ValueIsNoNumber as wrong:
        raise _Wrong(field, "not-a-number", str(wrong)) from wrong
    if len(said) > _LONGEST:
        raise _Wrong(field, "string-too-long", f"has at most {_LONGEST} characters")
    return said


def _id(field: str, template: Template, values: Mapping[str, str]) -> str:
    said = _text(field, template, values)
    try:
        return _ID.validate_python(said)
    except ValidationError:
        raise _Wrong(field, "not-an-id", "1-64 of A-Z a-z 0-9 . _ -") from None
