"""Action types as data of the tenant (O3): defined in one stream, fourteen of them by default."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.opportunities.domain.evidence import EVIDENCE_KINDS
from services.opportunities.domain.names import duplicates, name_problem, not_among
from shared.decider import Decider
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefined,
    ActionTypeDefinition,
    DateRule,
)

FIELD_KINDS = ("text", "choice", "number", "date", "boolean")
DIRECTIONS = ("outbound", "inbound")
TIMES_OF_EVERY_ACTION = ("occurred_at", "recorded_at")

_OUTCOME = ActionField(name="outcome", kind="text")
_DURATION = ActionField(name="duration_seconds", kind="number")


def _contact(name: str, chinese: str, english: str, *fields: ActionField) -> ActionTypeDefinition:
    return ActionTypeDefinition(type=name, fields=fields, title={"zh": chinese, "en": english})


def _reaction(name: str, chinese: str, english: str) -> ActionTypeDefinition:
    return replace(_contact(name, chinese, english), direction="inbound")


def _internal(name: str, chinese: str, english: str) -> ActionTypeDefinition:
    contact = _contact(name, chinese, english)
    return replace(contact, ends_silence=False, is_contact=False, direction=None)


DEFAULT_ACTION_TYPES = (
    _contact("call", "电话", "Call", _OUTCOME, _DURATION),
    _contact("visit", "拜访", "Visit", _OUTCOME, _DURATION),
    _contact("message", "消息", "Message"),
    _contact("email", "邮件", "E-mail"),
    _contact("meeting", "会议", "Meeting", _OUTCOME, _DURATION),
    _contact("demo", "演示", "Demo", _OUTCOME, _DURATION),
    _contact("proposal_sent", "发送方案", "Proposal sent"),
    _contact("proposal_revised", "修改方案", "Proposal revised"),
    _contact("quote", "报价", "Quote"),
    _contact("sample", "样品", "Sample"),
    _contact("contract_sent", "发送合同", "Contract sent"),
    _reaction("feedback_received", "收到反馈", "Feedback received"),
    _internal("note", "备注", "Note"),
    _internal("task", "任务", "Task"),
)
"""What a fresh tenant has; none requires evidence or minimum content."""


class ActionTypeCannotBeUsed(Malformed):
    """The definition has problems, each named in `errors` (O3)."""

    code = "action-type-cannot-be-used"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineActionTypes:
    """New types, or new definitions of types there are; actions logged before stay."""

    definitions: tuple[ActionTypeDefinition, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTypes:
    """The definitions in force by type."""

    definitions: dict[str, ActionTypeDefinition] = field(default_factory=dict)


def define(command: DefineActionTypes, types: ActionTypes) -> Sequence[ActionTypeDefined]:
    """One event per definition that differs from what is in force."""
    found = [
        problem
        for index, definition in enumerate(command.definitions)
        for problem in _problems(f"definitions[{index}]", definition)
    ]
    if found:
        raise ActionTypeCannotBeUsed(f"{len(found)} problem(s) in the action types", errors=found)
    wanted = {definition.type: definition for definition in command.definitions}
    return [
        ActionTypeDefined(definition=definition)
        for definition in wanted.values()
        if types.definitions.get(definition.type) != definition
    ]


def evolve(types: ActionTypes, event: ActionTypeDefined) -> ActionTypes:
    return ActionTypes(definitions={**types.definitions, event.definition.type: event.definition})


ACTION_TYPES: Decider[DefineActionTypes, ActionTypes, ActionTypeDefined] = Decider(
    "action_types", define, evolve, ActionTypes()
)


def _problems(path: str, definition: ActionTypeDefinition) -> Iterator[FieldProblem]:
    yield from name_problem(f"{path}.type", definition.type)
    if definition.direction is not None and definition.direction not in DIRECTIONS:
        yield not_among(f"{path}.direction", definition.direction, DIRECTIONS)
    if definition.minimum_summary_characters < 0:
        message = "must not be negative"
        yield FieldProblem(f"{path}.minimum_summary_characters", "negative", message)
    for kind in definition.evidence:
        if kind not in EVIDENCE_KINDS:
            yield not_among(f"{path}.evidence", kind, EVIDENCE_KINDS)
    for index, template in enumerate(definition.templates):
        if not template.strip():
            yield FieldProblem(f"{path}.templates[{index}]", "empty", "a template is some text")
    yield from problems_of_fields(path, definition.fields)
    dates = [each.name for each in definition.fields if each.kind == "date"]
    for index, rule in enumerate(definition.date_rules):
        yield from _problems_of_date_rule(f"{path}.date_rules[{index}]", rule, dates)


def problems_of_fields(path: str, fields: Sequence[ActionField]) -> Iterator[FieldProblem]:
    yield from duplicates(f"{path}.fields", "duplicate-field", [each.name for each in fields])
    for index, each in enumerate(fields):
        yield from name_problem(f"{path}.fields[{index}].name", each.name)
        if each.kind not in FIELD_KINDS:
            yield not_among(f"{path}.fields[{index}].kind", each.kind, FIELD_KINDS)
        if each.kind == "choice" and not each.choices:
            message = "a choice has at least one"
            yield FieldProblem(f"{path}.fields[{index}].choices", "no-choices", message)


def _problems_of_date_rule(
    path: str, rule: DateRule, dates: Sequence[str]
) -> Iterator[FieldProblem]:
    for name, value in (("earlier", rule.earlier), ("later", rule.later)):
        if value not in dates and value not in TIMES_OF_EVERY_ACTION:
            message = f"{value!r} is no date field of this type, occurred_at or recorded_at"
            yield FieldProblem(f"{path}.{name}", "unknown-field", message)
    if rule.limit_seconds <= 0:
        message = "a limit is longer than nothing"
        yield FieldProblem(f"{path}.limit_seconds", "not-positive", message)
