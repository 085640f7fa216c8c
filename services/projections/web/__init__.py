"""The plain page at `/`: what to do, who is silent, how healthy the process is."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import HTMLResponse

from services.projections.api import language_of
from services.projections.domain.words import LANGUAGES
from services.projections.queries.asking import Asker, Question
from services.projections.queries.boards import asker_of
from services.projections.queries.instruction_board import instruction_board
from services.projections.queries.process_health_board import process_health_board
from services.projections.queries.silence_board import silence_board
from services.projections.queries.stage_titles import stage_titles
from services.projections.web.page_words import PAGE_WORDS, hours_in_words, moment_in_words, percent
from shared.access import Caller, Resource, Verb
from shared.errors import Unauthenticated
from shared.http import Access
from shared.ports import Ports

LANGUAGE_COOKIE = "pulsetrail_language"
_SHOWN = 50
_WEEKS = 12
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "board.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'self';"
    f" frame-ancestors 'none'; style-src 'sha256-{_STYLE_HASH}'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    allowed = access.may(Resource.BOARDS, Verb.READ)

    async def reader(request: Request) -> Caller | None:
        """Whoever is not signed in is told so on a page, not in JSON."""
        try:
            return await allowed(request)
        except Unauthenticated:
            return None

    reader.resource, reader.verb = Resource.BOARDS, Verb.READ  # type: ignore[attr-defined]

    @routes.get("/")
    async def today(
        request: Request,
        unit: str | None = None,
        stage: str | None = None,
        rep: str | None = None,
        language: str | None = None,
        caller: Caller | None = Depends(reader),
    ) -> Response:
        chosen = _language(request, language)
        if caller is None:
            return _page("signed_out.html", chosen, 401)
        asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
        question = Question(
            unit_id=unit or None, stage=stage or None, rep_id=rep or None, language=chosen
        )
        answer = _page("today.html", chosen, 200, **await _content(ports, asker, question))
        if language in LANGUAGES:
            answer.set_cookie(
                LANGUAGE_COOKIE, language, httponly=True, samesite="lax", max_age=31_536_000
            )
        return answer

    return routes


async def _content(ports: Ports, asker: Asker, question: Question) -> dict[str, Any]:
    reads = ports.read_store
    page = Question(
        unit_id=question.unit_id, stage=question.stage, rep_id=question.rep_id, limit=_SHOWN
    )
    health = await process_health_board(reads, asker, Question(unit_id=question.unit_id))
    weeks = sorted({row["week"] for row in health["rows"]})[-_WEEKS:]
    organisation = asker.organisation
    zone = asker.zone(question)
    stages = await stage_titles(reads, asker.tenant_id, question.language)
    people = {
        key: person.name
        for key, person in organisation.people.items()
        if isinstance(person.name, str)
    }
    return {
        "question": question,
        "unit_id": asker.unit(question),
        "as_of": moment_in_words(asker.clock, zone),
        "is_history": not organisation.is_live,
        "instructions": (await instruction_board(reads, asker, question))["rows"],
        "silence": await silence_board(reads, asker, page),
        "weeks": [row for row in health["rows"] if row["week"] in weeks and row["rep_id"] is None],
        "reps": [row for row in health["rows"] if row["week"] in weeks[-1:] and row["rep_id"]],
        "named": lambda key: people.get(key, key),
        "stage_named": lambda key: stages.get(key, key),
        "unit_named": lambda key: (
            organisation.units[key].name if key in organisation.units else key
        ),
        "moment": lambda at: moment_in_words(at, zone),
    }


def _language(request: Request, asked: str | None) -> str:
    """The one just chosen, else the one remembered, else the browser's."""
    for language in (asked, request.cookies.get(LANGUAGE_COOKIE)):
        if language in LANGUAGES:
            return str(language)
    return language_of(request)


def _page(template: str, language: str, status: int, **values: Any) -> HTMLResponse:
    words = PAGE_WORDS[language]
    text = _PAGES.get_template(template).render(
        language=language,
        style=_STYLE,
        words=words,
        percent=percent,
        hours=lambda number: hours_in_words(number, words),
        **values,
    )
    return HTMLResponse(text, status_code=status, headers=_HEADERS)
