"""Is an action what its type asks for (O3, O15)? Wrong types are refused, lacks are kept."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher

from services.opportunities.domain.action_type import DIRECTIONS
from services.opportunities.domain.names import not_among
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import (
    EVIDENCE_MISSING,
    ActionField,
    ActionTypeDefinition,
    Evidence,
    FieldValue,
    NextAction,
    TextField,
)

SUMMARY_TOO_SHORT = "summary-too-short"
SUMMARY_IS_A_TEMPLATE = "summary-is-a-template"
FIELD_MISSING = "field-missing:"
TEMPLATE_SIMILARITY = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDraft:
    """What a rep says about an action; `fields` as sent, plain and free text together.

    `direction` None: that of the type.
    """

    summary: str | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    direction: str | None = None
    evidence: tuple[Evidence, ...] = ()
    pain_point: bool | None = None
    next_action: NextAction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAction:
    """`invalid_reasons` empty: valid; otherwise kept, counted nowhere, to be completed (O15)."""

    fields: dict[str, FieldValue]
    texts: list[TextField] | None
    direction: str | None
    invalid_reasons: tuple[str, ...]


def checked_action(definition: ActionTypeDefinition, draft: ActionDraft) -> CheckedAction:
    """The draft sorted by its type's fields, with the reasons why it is not valid (O15).

    Raises Malformed for a field that the type lacks, a value of the wrong type, a wrong direction.
    """
    if draft.fields or draft.direction is not None:
        _refuse_malformed(definition, draft)
    plain, texts = sorted_fields(definition.fields, draft.fields)
    return CheckedAction(
        fields=plain,
        texts=texts or None,
        direction=draft.direction or definition.direction,
        invalid_reasons=tuple(_invalid_reasons(definition, draft)),
    )


def sorted_fields(
    asked: Iterable[ActionField], given: Mapping[str, FieldValue]
) -> tuple[dict[str, FieldValue], list[TextField]]:
    """What was given: plain values, and free text, which is sealed."""
    plain: dict[str, FieldValue] = {}
    texts: list[TextField] = []
    for each in asked:
        value = given.get(each.name)
        if value is None:
            continue
        if each.kind == "text":
            texts.append(TextField(name=each.name, value=str(value)))
        else:
            plain[each.name] = value
    return plain, texts


def missing_evidence(required: Iterable[str], evidence: Collection[Evidence]) -> Iterator[str]:
    """A reason per required kind that no piece of evidence is of."""
    for kind in required:
        if not any(piece.kind == kind for piece in evidence):
            yield EVIDENCE_MISSING + kind


def template_similarity(summary: str, template: str) -> float:
    """0 to 1: how much of two texts agrees, width, case, spaces and punctuation aside (O15)."""
    ours, theirs = _normalised(summary), _normalised(template)
    if not ours or not theirs:
        return 0.0
    return SequenceMatcher(None, ours, theirs, autojunk=False).ratio()


def _invalid_reasons(definition: ActionTypeDefinition, draft: ActionDraft) -> Iterator[str]:
    yield from summary_flaws(definition, draft.summary or "")
    for each in definition.fields:
        if each.required and is_blank(draft.fields.get(each.name)):
            yield FIELD_MISSING + each.name
    yield from missing_evidence(definition.evidence, draft.evidence)


def summary_flaws(definition: ActionTypeDefinition, summary: str) -> Iterator[str]:
    """Why a summary is not what the type asks for; its reasons begin with `summary-` (O15)."""
    if len(summary.strip()) < definition.minimum_summary_characters:
        yield SUMMARY_TOO_SHORT
    if any(
        template_similarity(summary, template) >= TEMPLATE_SIMILARITY
        for template in definition.templates
    ):
        yield SUMMARY_IS_A_TEMPLATE


def _refuse_malformed(definition: ActionTypeDefinition, draft: ActionDraft) -> None:
    what = f"an action of type {definition.type!r}"
    problems = value_problems(definition.fields, draft.fields, what)
    if draft.direction is not None and draft.direction not in DIRECTIONS:
        problems.append(not_among("direction", draft.direction, DIRECTIONS))
    if problems:
        raise Malformed(f"{len(problems)} problem(s) in the action", errors=problems)


def value_problems(
    asked: Iterable[ActionField], given: Mapping[str, FieldValue], what: str
) -> list[FieldProblem]:
    """`what` has these fields: others, and values of a wrong type, are problems."""
    known = {each.name: each for each in asked}
    problems: list[FieldProblem] = []
    for name, value in given.items():
        if name not in known:
            message = f"{what} has no such field"
            problems.append(FieldProblem(f"fields.{name}", "unknown-field", message))
        elif value is not None:
            problems.extend(_value_problem(known[name], value))
    return problems


def _value_problem(of: ActionField, value: FieldValue) -> Sequence[FieldProblem]:
    if not _IS_OF_KIND[of.kind](value):
        return [FieldProblem(f"fields.{of.name}", f"not-a-{of.kind}", f"must be a {of.kind}")]
    if of.kind == "choice" and value not in of.choices:
        return [not_among(f"fields.{of.name}", str(value), of.choices)]
    return []


def _is_text(value: FieldValue) -> bool:
    return isinstance(value, str)


def _is_number(value: FieldValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: FieldValue) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_IS_OF_KIND: Mapping[str, Callable[[FieldValue], bool]] = {
    "text": _is_text,
    "choice": _is_text,
    "number": _is_number,
    "date": _is_date,
    "boolean": lambda value: isinstance(value, bool),
}


def is_blank(value: FieldValue) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _normalised(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
