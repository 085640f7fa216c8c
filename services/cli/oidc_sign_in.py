"""Signing in by the installation's identity provider: out to it and back with a code (OIDC)."""

import base64
import hmac
import json
from typing import Any, NamedTuple

import structlog
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.cli.sessions import Visitor, begin_session, is_over_tls, local_path
from services.projections.pages.layout import told_refused
from shared.access import OWN_GRANTS
from shared.callers import person_named
from shared.errors import DomainError, StoreAway, Unauthenticated
from shared.identity import Attempt, IdentityProvider
from shared.ports import Ports
from shared.provider_sign_in import ROUTE

LOG = structlog.get_logger(__name__)

PATH = "/sign-in/oidc"
_BACK = f"{PATH}/back"
_COOKIE = "pulsetrail_sign_in"
_MINUTES_TO_SIGN_IN = 10
_RANDOM_BYTES = 32
_NOT_SIGNED_IN = "not-signed-in"
_AWAY = "provider-away"


class _UnderWay(NamedTuple):
    attempt: Attempt
    onward: str


def router(ports: Ports, provider: IdentityProvider) -> APIRouter:
    routes = APIRouter()

    @routes.get(PATH, name=ROUTE, include_in_schema=False)
    async def go_to_provider(request: Request, onward: str = "/") -> Response:
        attempt = Attempt(*(_random(ports) for _ in Attempt._fields))
        try:
            address = await provider.address(attempt, _redirect_uri(ports, request))
        except StoreAway as failure:
            LOG.warning("identity_provider_away", why=failure.detail)
            return told_refused(request, 503, _AWAY)
        answer = RedirectResponse(address, status_code=303)
        answer.set_cookie(
            _COOKIE,
            _kept(_UnderWay(attempt, local_path(onward))),
            max_age=_MINUTES_TO_SIGN_IN * 60,
            path=PATH,
            httponly=True,
            samesite="lax",
            secure=is_over_tls(ports),
        )
        return answer

    @routes.get(_BACK, include_in_schema=False)
    async def come_back(request: Request, state: str = "", code: str = "") -> Response:
        """Only the browser that went out comes back: its cookie holds the state."""
        try:
            under_way = _recalled(request.cookies.get(_COOKIE, ""))
            if not code or not hmac.compare_digest(under_way.attempt.state, state):
                raise Unauthenticated("the answer is not to a sign-in of this browser")
            redirect_uri = _redirect_uri(ports, request)
            who = await provider.signed_in(under_way.attempt, redirect_uri, code)
            await person_named(ports, who)
            visitor = Visitor(who.tenant_id, OWN_GRANTS, None, who.person_id)
            answer = await begin_session(ports, visitor, under_way.onward)
        except StoreAway as failure:
            LOG.warning("identity_provider_away", why=failure.detail)
            answer = told_refused(request, 503, _AWAY)
        except DomainError as refusal:
            LOG.warning("sign_in_refused", why=refusal.detail)
            answer = told_refused(request, 401, _NOT_SIGNED_IN)
        answer.delete_cookie(_COOKIE, path=PATH)
        return answer

    return routes


def _redirect_uri(ports: Ports, request: Request) -> str:
    address = ports.settings.public_url or str(request.base_url)
    return address.rstrip("/") + _BACK


def _random(ports: Ports) -> str:
    return base64.urlsafe_b64encode(ports.random_bytes(_RANDOM_BYTES)).decode().rstrip("=")


def _kept(under_way: _UnderWay) -> str:
    text = json.dumps([*under_way.attempt, under_way.onward])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _recalled(cookie: str) -> _UnderWay:
    """Raises Unauthenticated."""
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(cookie))
        state, nonce, verifier, onward = (str(each) for each in found)
    except (ValueError, TypeError) as flaw:
        raise Unauthenticated("no sign-in is under way in this browser") from flaw
    return _UnderWay(Attempt(state, nonce, verifier), local_path(onward))
