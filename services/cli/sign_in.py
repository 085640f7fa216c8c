"""Signing in to the board of a serving process by a link that works once."""

import base64
from datetime import datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Response
from starlette.responses import HTMLResponse, RedirectResponse

from services.cli.desk import Desk
from services.cli.keys import create_key
from services.cli.output import Output
from shared.access import Role
from shared.hosting import Hosting
from shared.http import SESSION_COOKIE

_VALID_FOR = timedelta(hours=12)
_PATH = "/sign-in"
_SPENT = "This link was used already or has expired. Start `pulsetrail serve` anew for another."


class Visitor(NamedTuple):
    """As whom the link signs in; `unit_id` None: the root."""

    tenant_id: str
    role: str = Role.DIRECTOR
    unit_id: str | None = None
    person_id: str | None = None


class SignIn:
    """The links live in this process only; the key behind a session is made when one is used."""

    def __init__(self, hosting: Hosting, output: Output) -> None:
        self._hosting = hosting
        self._output = output
        self._open: dict[str, tuple[Visitor, datetime]] = {}

    def link(self, address: str, visitor: Visitor) -> str:
        ports = self._hosting.ports
        code = base64.urlsafe_b64encode(ports.random_bytes(24)).decode()
        self._open[code] = (visitor, ports.clock() + _VALID_FOR)
        return f"{address}{_PATH}?code={code}"

    def router(self) -> APIRouter:
        routes = APIRouter()

        @routes.get(_PATH, include_in_schema=False)
        async def sign_in(code: str) -> Response:
            visitor, until = self._open.pop(code, (None, None))
            if visitor is None or until is None or until <= self._hosting.ports.clock():
                return HTMLResponse(f"<p>{_SPENT}</p>", status_code=401)
            answer = RedirectResponse("/", status_code=303)
            key = await self._session_key(visitor)
            answer.set_cookie(SESSION_COOKIE, key, httponly=True, samesite="lax")
            return answer

        return routes

    async def _session_key(self, visitor: Visitor) -> str:
        desk = Desk(hosting=self._hosting, output=self._output, tenant_id=visitor.tenant_id)
        _key_id, key = await create_key(
            desk,
            role=visitor.role,
            unit_id=visitor.unit_id,
            person_id=visitor.person_id,
            name="browser session",
        )
        return key
