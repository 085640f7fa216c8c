"""A form that was refused is shown again: what is wrong at its field, or said above it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.projections.pages.forms import at_fault
from services.projections.pages.page_route import status_and_code
from services.projections.pages.refusals import refusal_in_words
from services.projections.pages.visits import Visit
from shared.errors import DomainError, FieldProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedForm:
    """As a page says it; `said` where no field of the form is at fault."""

    status: int = 200
    problems: Mapping[str, FieldProblem] = field(default_factory=dict)
    said: str | None = None


NOT_REFUSED = RefusedForm()


def refused_form(
    visit: Visit,
    refusal: DomainError | None,
    fields: Mapping[str, str],
    of_codes: Mapping[str, str] | None = None,
) -> RefusedForm:
    """`fields`: the API's names, with ours; `of_codes`: which field a refusal by a rule is about
    that names none itself."""
    if refusal is None:
        return NOT_REFUSED
    status, code = status_and_code(refusal)
    problems = at_fault(refusal.errors, fields)
    about = (of_codes or {}).get(code)
    if not problems and about is not None:
        problems = {about: FieldProblem(about, code, str(refusal))}
    said = None if problems else refusal_in_words(code, visit.words.language)
    return RefusedForm(status=status, problems=problems, said=said)
