"""Signing in to the board of the process that printed the link, which works once."""

import base64
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from services.cli import oidc_sign_in, sessions, sign_in_links
from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.demonstration.signing_in import sign_in_identities
from services.cli.desk import DEFAULT_TENANT
from services.cli.output import Output
from services.cli.sessions import Visitor, begin_session
from services.projections.pages.layout import told_refused
from shared.access import Role
from shared.ports import Ports

_VALID_FOR = timedelta(hours=12)
_PATH = "/sign-in"
_INTRODUCED = 3
_SPENT = "link-is-spent"


class SignIn:
    """The links live in this process only; the key behind a session is made when one is used."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._open: dict[str, tuple[Visitor, datetime]] = {}

    async def invite(self, address: str, output: Output, *, demo: bool) -> None:
        """Prints a link for each whom one may want to be."""
        visitors = [
            (f"{role} of tenant {DEFAULT_TENANT}", Visitor(DEFAULT_TENANT, role))
            for role in (Role.DIRECTOR, Role.ADMINISTRATOR)
        ]
        if demo:
            visitors += await _of_demonstration(self._ports)
        for who, visitor in visitors:
            output.notice(f"Sign in, once, as {who}: {self._link(address, visitor)}")

    def _link(self, address: str, visitor: Visitor) -> str:
        code = base64.urlsafe_b64encode(self._ports.random_bytes(24)).decode()
        self._open[code] = (visitor, self._ports.clock() + _VALID_FOR)
        return f"{address}{_PATH}?code={code}"

    def _link_here(self, visitor: Visitor) -> str:
        return self._link((self._ports.settings.public_url or "").rstrip("/"), visitor)

    def routers(self) -> list[APIRouter]:
        routes = APIRouter()

        @routes.get(_PATH, include_in_schema=False)
        async def sign_in(request: Request, code: str) -> Response:
            visitor, until = self._open.pop(code, (None, None))
            if visitor is None or until is None or until <= self._ports.clock():
                return told_refused(request, 401, _SPENT)
            return await begin_session(self._ports, visitor, "/")

        routers = [
            routes,
            sessions.router(self._ports),
            sign_in_links.router(self._ports, self._link_here),
        ]
        if self._ports.identity_provider is not None:
            routers.append(oidc_sign_in.router(self._ports, self._ports.identity_provider))
        return routers


async def _of_demonstration(ports: Ports) -> list[tuple[str, Visitor]]:
    visitors = []
    for identity in (await sign_in_identities(ports))[:_INTRODUCED]:
        who = f"{identity.name}, {identity.role} of {identity.unit_id} (demonstration)"
        visitor = Visitor(DEMO_TENANT, identity.role, identity.unit_id, identity.person_id)
        visitors.append((who, visitor))
    return visitors
