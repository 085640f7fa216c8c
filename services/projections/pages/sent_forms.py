"""A form that a page sent: told to the API and then shown; refused, the page again with what was
typed and what is wrong, at its field."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response
from starlette.responses import RedirectResponse

from services.projections.pages.forms import Typed, at_fault, filled
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import status_and_code
from services.projections.pages.refusals import refusal_in_words
from services.projections.pages.visits import Visit, wait_until_shown
from shared.errors import DomainError, FieldProblem, Malformed, NotFound

Answer = Mapping[str, Any]
Again = Callable[[DomainError], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForm:
    """As a page shows it; `deed`: which of its forms was refused; `said`: where no field of it is
    at fault."""

    typed: Mapping[str, str]
    deed: str = ""
    status: int = 200
    problems: Mapping[str, FieldProblem] = field(default_factory=dict)
    said: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFields:
    """`of_api`: the API's names where they are others than ours; `of_codes`: which field a refusal
    by a rule is about that names none itself."""

    names: tuple[str, ...] = ()
    of_api: Mapping[str, str] = field(default_factory=dict)
    of_codes: Mapping[str, str] = field(default_factory=dict)

    def blank(self, **known: str) -> ShownForm:
        return ShownForm(typed={**dict.fromkeys(self.names, ""), **known})

    def refused(self, visit: Visit, form: Typed, refusal: DomainError, deed: str = "") -> ShownForm:
        """Raises the refusal where what the address names is not there."""
        status, code = status_and_code(refusal)
        about = self.of_codes.get(code)
        if status == NotFound.status and about is None:
            raise refusal
        names = {**{each: each for each in self.names}, **self.of_api}
        problems = at_fault(refusal.errors, names)
        if not problems and about is not None:
            problems = {about: FieldProblem(about, code, str(refusal))}
        said = None if problems else refusal_in_words(code, visit.words.language)
        typed = filled(form, self.names)
        return ShownForm(typed=typed, deed=deed, status=status, problems=problems, said=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the API is told; `place`: where one goes on, with fields of its answer in braces;
    `once`: the key by which a repeated order is recognised."""

    path: str
    place: str
    body: Mapping[str, Any] = field(default_factory=dict)
    once: str | None = None


async def sent(
    visit: Visit,
    order: Awaitable[Order],
    again: Again,
    shown: Callable[[Answer], Awaitable[Response]] | None = None,
) -> Response:
    """`again`: the page that shows the refused form; `shown`: what answers instead of `place`."""
    try:
        asked = await order
        answer = await visit.api.post(asked.path, asked.body, asked.once)
    except (ApiRefused, Malformed) as refusal:
        return await again(refusal)
    position = answer.headers.get("Pulsetrail-Position")
    if position is not None:
        await wait_until_shown(visit.ports, position)
    said: Answer = answer.json()
    if shown is not None:
        return await shown(said)
    return RedirectResponse(asked.place.format_map(said), status_code=303)
