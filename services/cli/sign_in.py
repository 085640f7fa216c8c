"""Signing in to the board by a link that was made here or by another process, and works once."""

import base64
import hashlib
from datetime import timedelta

import structlog
from fastapi import APIRouter, Request, Response

from services.cli import oidc_sign_in, sessions, sign_in_links
from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.demonstration.signing_in import sign_in_identities
from services.cli.desk import DEFAULT_TENANT
from services.cli.output import Output
from services.cli.sessions import Visitor, begin_session, session_context
from services.directory.domain.sign_in_link import (
    SIGN_IN_LINK,
    LinkIsSpent,
    MakeSignInLink,
    Used,
    UseSignInLink,
)
from services.projections.pages.layout import told_refused
from shared.access import Role
from shared.errors import DomainError, StoreAway
from shared.ports import Ports

LOG = structlog.get_logger(__name__)

_VALID_FOR = timedelta(hours=12)
_PATH = "/sign-in"
_CODE_BYTES = 24
_INTRODUCED = 3
_NOT_SIGNED_IN = "not-signed-in"
_AWAY = "store-away"


class SignIn:
    """A link is a stream of its own: whichever process is asked, it is used once."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def invite(self, address: str, output: Output, *, demo: bool) -> None:
        """Prints a link for each whom one may want to be."""
        visitors = [
            (f"{role} of tenant {DEFAULT_TENANT}", Visitor(DEFAULT_TENANT, role))
            for role in (Role.DIRECTOR, Role.ADMINISTRATOR)
        ]
        if demo:
            visitors += await _of_demonstration(self._ports)
        for who, visitor in visitors:
            link = await self._link(address, visitor, None)
            output.notice(f"Sign in, once, as {who}: {link}")

    async def _link(self, address: str, visitor: Visitor, made_by: str | None) -> str:
        """The code names the tenant, whose log knows its hash."""
        random = base64.urlsafe_b64encode(self._ports.random_bytes(_CODE_BYTES)).decode()
        code = f"{visitor.tenant_id}.{random}"
        now = self._ports.clock()
        command = MakeSignInLink(
            link_id=_hash(code),
            role=visitor.role,
            unit_id=visitor.unit_id,
            person_id=visitor.person_id,
            expires_at=now + _VALID_FOR,
            now=now,
        )
        context = session_context(self._ports, visitor.tenant_id, made_by)
        commands = self._ports.commands("directory")
        await commands.handle(SIGN_IN_LINK, command.link_id, command, context)
        return f"{address}{_PATH}?code={code}"

    async def _link_here(self, visitor: Visitor, made_by: str | None) -> str:
        address = (self._ports.settings.public_url or "").rstrip("/")
        return await self._link(address, visitor, made_by)

    async def _visitor(self, code: str) -> Visitor:
        """As whom the link signs in, now that it is used up. Raises LinkIsSpent."""
        tenant_id, _, _random = code.rpartition(".")
        if tenant_id not in await self._ports.organisations.tenants():
            raise LinkIsSpent("the link names no tenant of ours")
        command = UseSignInLink(link_id=_hash(code), now=self._ports.clock())
        context = session_context(self._ports, tenant_id)
        commands = self._ports.commands("directory")
        used = (await commands.handle(SIGN_IN_LINK, command.link_id, command, context)).state
        assert isinstance(used, Used), "what is accepted uses it up"
        return Visitor(tenant_id, used.made.role, used.made.unit_id, used.made.person_id)

    def routers(self) -> list[APIRouter]:
        routes = APIRouter()

        @routes.get(_PATH, include_in_schema=False)
        async def sign_in(request: Request, code: str) -> Response:
            try:
                return await begin_session(self._ports, await self._visitor(code), "/")
            except LinkIsSpent as refusal:
                return told_refused(request, 401, refusal.code)
            except StoreAway as failure:
                LOG.warning("sign_in_failed", why=failure.detail)
                return told_refused(request, 503, _AWAY)
            except DomainError as refusal:
                LOG.warning("sign_in_refused", why=refusal.detail)
                return told_refused(request, 401, _NOT_SIGNED_IN)

        routers = [
            routes,
            sessions.router(self._ports),
            sign_in_links.router(self._ports, self._link_here),
        ]
        if self._ports.identity_provider is not None:
            routers.append(oidc_sign_in.router(self._ports, self._ports.identity_provider))
        return routers


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


async def _of_demonstration(ports: Ports) -> list[tuple[str, Visitor]]:
    visitors = []
    for identity in (await sign_in_identities(ports))[:_INTRODUCED]:
        who = f"{identity.name}, {identity.role} of {identity.unit_id} (demonstration)"
        visitor = Visitor(DEMO_TENANT, identity.role, identity.unit_id, identity.person_id)
        visitors.append((who, visitor))
    return visitors
