"""Signing in to the board by a link that was made here or by another process: once, by a button."""

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
from services.projections.pages.forms import text_of
from services.projections.pages.layout import sign_in_page, told_refused
from shared.access import Role
from shared.envelope import stream_name
from shared.errors import DomainError, Forbidden, StoreAway
from shared.own_page import from_own_page
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

    async def _look(self, code: str) -> None:
        """Uses nothing up. Raises LinkIsSpent."""
        tenant_id, command = await self._use_of(code)
        stream = stream_name(tenant_id, SIGN_IN_LINK.name, command.link_id)
        commands = self._ports.commands("directory")
        _version, link = await commands.load(SIGN_IN_LINK, stream, fresh=True)
        SIGN_IN_LINK.decide(command, link)

    async def _visitor(self, code: str) -> Visitor:
        """As whom the link signs in, now that it is used up. Raises LinkIsSpent."""
        tenant_id, command = await self._use_of(code)
        context = session_context(self._ports, tenant_id)
        commands = self._ports.commands("directory")
        used = (await commands.handle(SIGN_IN_LINK, command.link_id, command, context)).state
        assert isinstance(used, Used), "what is accepted uses it up"
        return Visitor(tenant_id, used.made.role, used.made.unit_id, used.made.person_id)

    async def _use_of(self, code: str) -> tuple[str, UseSignInLink]:
        """Of whose log, and what would be told to it. Raises LinkIsSpent."""
        tenant_id, _, _random = code.rpartition(".")
        if tenant_id not in await self._ports.organisations.tenants():
            raise LinkIsSpent("the link names no tenant of ours")
        return tenant_id, UseSignInLink(link_id=_hash(code), now=self._ports.clock())

    def routers(self) -> list[APIRouter]:
        routes = APIRouter()

        @routes.get(_PATH, include_in_schema=False)
        async def show_button(request: Request, code: str = "") -> Response:
            """Whatever looks at links in mails and chats, before a person does, uses none up."""
            try:
                await self._look(code)
            except DomainError as refusal:
                return _refused(request, refusal)
            return sign_in_page(request, code)

        @routes.post(_PATH, include_in_schema=False)
        async def sign_in(request: Request) -> Response:
            """The code comes in the form's body. A form of somebody else's page signs nobody in."""
            code = text_of(await request.form(), "code")
            try:
                if not from_own_page(request):
                    raise Forbidden("this form was not ours")
                return await begin_session(self._ports, await self._visitor(code), "/")
            except DomainError as refusal:
                return _refused(request, refusal)

        routers = [
            routes,
            sessions.router(self._ports),
            sign_in_links.router(self._ports, self._link_here),
        ]
        if self._ports.identity_provider is not None:
            routers.append(oidc_sign_in.router(self._ports, self._ports.identity_provider))
        return routers


def _refused(request: Request, refusal: DomainError) -> Response:
    match refusal:
        case LinkIsSpent() | Forbidden():
            return told_refused(request, refusal.status, refusal.code)
        case StoreAway():
            LOG.warning("sign_in_failed", why=refusal.detail)
            return told_refused(request, 503, _AWAY)
        case _:
            LOG.warning("sign_in_refused", why=refusal.detail)
            return told_refused(request, 401, _NOT_SIGNED_IN)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


async def _of_demonstration(ports: Ports) -> list[tuple[str, Visitor]]:
    visitors = []
    for identity in (await sign_in_identities(ports))[:_INTRODUCED]:
        who = f"{identity.name}, {identity.role} of {identity.unit_id} (demonstration)"
        visitor = Visitor(DEMO_TENANT, identity.role, identity.unit_id, identity.person_id)
        visitors.append((who, visitor))
    return visitors
