"""A route that answers people: what is refused is told on a page, in their language."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from services.projections.pages.layout import told_refused
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.refusals import refusal_in_words
from services.projections.pages.visits import reader_language
from shared.errors import DomainError, Forbidden, Malformed
from shared.http import SESSION_COOKIE, field_problems
from shared.problems import problem_response

LOG = structlog.get_logger(__name__)


class PageRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_people(request: Request) -> Response:
            try:
                return await answer(request)
            except Forbidden as refusal:
                # In a browser, whoever sets up has no board to begin with.
                if request.url.path == "/" and SESSION_COOKIE in request.cookies:
                    return RedirectResponse("/people", status_code=303)
                return refused(request, refusal)
            except DomainError as refusal:
                return refused(request, refusal)
            except RequestValidationError as flaw:
                problems = field_problems(flaw.errors())
                return refused(request, Malformed("the address does not fit", errors=problems))
            except Exception as failure:
                LOG.error("page_failed", path=self.path, exc_info=failure)
                return told_refused(request, 500, "internal-error")

        return answer_people


def page_router() -> APIRouter:
    return APIRouter(include_in_schema=False, route_class=PageRoute)


def refused(request: Request, refusal: DomainError) -> Response:
    """Scripts of ours ask for JSON and show its words."""
    status, code = status_and_code(refusal)
    if "application/json" in request.headers.get("accept", ""):
        words = refusal_in_words(code, reader_language(request))
        return problem_response(status, code, words, refusal.errors)
    return told_refused(request, status, code)


def status_and_code(refusal: DomainError) -> tuple[int, str]:
    if isinstance(refusal, ApiRefused):
        return refusal.refusal_status, refusal.refusal_code
    return refusal.status, refusal.code
