"""The frame of every page: its head and navigation, what a browser may do with it, its language."""

import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jinja2
from fastapi import Request, Response
from starlette.responses import HTMLResponse

from services.projections.pages.assets import asset_path
from services.projections.pages.catalogue import LANGUAGES, catalogue, message
from services.projections.pages.forms import form_token
from services.projections.pages.navigation import navigation_of
from services.projections.pages.refusals import field_in_words, refusal_in_words
from services.projections.pages.visits import LANGUAGE_COOKIE, Visit, reader_language
from shared.access import Resource
from shared.provider_sign_in import sign_in_by_provider

_A_YEAR_SECONDS = 31_536_000
_STALE_AFTER_SECONDS = 10
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}


class Crumb(NamedTuple):
    path: str
    title: str


def from_today(visit: Visit) -> list[Crumb]:
    """The way to a page of the first level, for who has a day of figures."""
    return [Crumb("/", visit.words.say("Today"))] if visit.may(Resource.BOARDS) else []


@cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = catalogue(language)
    environment.install_gettext_callables(known.gettext, known.ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.globals |= {
        "asset": asset_path,
        "languages": LANGUAGES,
        "language": language,
        "field_in_words": lambda problem: field_in_words(problem.code, language),
    }
    return environment


def page(
    visit: Visit,
    template: str,
    *,
    title: str,
    crumbs: Sequence[Crumb] = (),
    status: int = 200,
    place: str | None = None,
    **values: Any,
) -> Response:
    """`place`: where the page is opened again that answers a refused form; its rows stay as they
    are, so that nothing typed is lost."""
    words = visit.words
    is_opened = visit.request.method == "GET"
    again = place or (crumbs[-1].path if crumbs else "/")

    def with_fields(**changed: str | None) -> str:
        return with_query(visit.request, None if is_opened else again, **changed)

    html = (
        _environment(words.language)
        .get_template(template)
        .render(
            visit=visit,
            words=words,
            title=title,
            crumbs=crumbs,
            navigation=navigation_of(visit),
            is_live=is_opened,
            follows=visit.may(Resource.BOARDS),
            is_stale=visit.behind_seconds > _STALE_AFTER_SECONDS,
            token=form_token(visit.request, visit.ports.random_bytes),
            with_query=with_fields,
            other_language=lambda: with_fields(language="en" if words.language == "zh" else "zh"),
            **values,
        )
    )
    return _html(visit.request, html, status)


def with_query(request: Request, place: str | None = None, **changed: str | None) -> str:
    """The same address, or `place`, with some of its fields set, or left out where None."""
    kept = [] if place else request.query_params.multi_items()
    kept = [(name, value) for name, value in kept if name not in changed]
    kept += [(name, value) for name, value in changed.items() if value is not None]
    path = place or request.url.path
    return f"{path}?{urlencode(kept)}" if kept else path


def told_refused(request: Request, status: int, code: str) -> Response:
    return _from_outside(
        request,
        "refused.html",
        title=refusal_in_words(code, reader_language(request)),
        status=status,
        sign_in=_sign_in_by_provider(request) if status == 401 else None,
    )


def sign_in_page(request: Request, code: str) -> Response:
    """A button that sends the code of a link: whoever only looks at links uses none up."""
    said = catalogue(reader_language(request)).gettext(message("Sign in"))
    place = request.url.path
    return _from_outside(request, "sign_in.html", title=said, place=place, code=code)


def _from_outside(
    request: Request, template: str, *, title: str, status: int = 200, **values: Any
) -> Response:
    """Without navigation: who reads it may not be known."""
    shown = _environment(reader_language(request)).get_template(template)
    return _html(request, shown.render(title=title, status=status, **values), status)


def _sign_in_by_provider(request: Request) -> str | None:
    is_page = request.method == "GET" and not request.url.path.startswith("/sign-in")
    return sign_in_by_provider(request, with_query(request, language=None) if is_page else "/")


def _html(request: Request, html: str, status: int) -> Response:
    content: bytes = html.encode()
    headers: Mapping[str, str] = HEADERS
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, compresslevel=5, mtime=0)
        headers = {**HEADERS, "Content-Encoding": "gzip"}
    answer = HTMLResponse(content, status_code=status, headers=dict(headers))
    chosen = request.query_params.get("language")
    if chosen in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE,
            str(chosen),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
            max_age=_A_YEAR_SECONDS,
        )
    return answer
