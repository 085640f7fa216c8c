"""A browser's session: a key in a cookie that expires, can be revoked, and ends by signing out."""

from datetime import timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.cli.keys import AskedKey, new_api_key
from services.directory.domain.api_key import API_KEY, RevokeApiKey
from services.projections.pages.forms import own_form
from shared.access import Role
from shared.command_handling import CommandContext
from shared.errors import Unauthenticated
from shared.http import SESSION_COOKIE, Access
from shared.ports import Ports

_LOCAL = "/"


class Visitor(NamedTuple):
    """As whom somebody is signed in; `unit_id` None: the root."""

    tenant_id: str
    role: str = Role.DIRECTOR
    unit_id: str | None = None
    person_id: str | None = None


async def begin_session(ports: Ports, visitor: Visitor, onward: str) -> Response:
    """Leads on with the cookie set. Raises what making a key raises."""
    lasts = timedelta(hours=ports.settings.session_hours)
    ends_at = ports.clock() + lasts
    asked = AskedKey(
        visitor.role, visitor.unit_id, visitor.person_id, "browser session", session_ends_at=ends_at
    )
    _key_id, key = await new_api_key(ports, session_context(ports, visitor.tenant_id), asked)
    answer = RedirectResponse(local_path(onward), status_code=303)
    answer.set_cookie(
        SESSION_COOKIE,
        key,
        max_age=int(lasts.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_over_tls(ports),
    )
    return answer


def is_over_tls(ports: Ports) -> bool:
    return (ports.settings.public_url or "").startswith("https://")


def local_path(onward: str) -> str:
    """A path of ours, else the first page: a sign-in leads nowhere else."""
    is_ours = onward.startswith(_LOCAL) and not onward.startswith(("//", "/\\"))
    return onward if is_ours and onward.isprintable() else _LOCAL


def router(ports: Ports) -> APIRouter:
    routes = APIRouter()
    access = Access(ports)

    @routes.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        """The session is revoked, not only forgotten by this browser."""
        await own_form(request)
        answer = RedirectResponse(_LOCAL, status_code=303)
        answer.delete_cookie(SESSION_COOKIE)
        session = request.cookies.get(SESSION_COOKIE)
        if session is None:
            return answer
        try:
            caller = await access.bearer_of(session)
        except Unauthenticated:
            return answer
        if caller.key_id is not None:
            command = RevokeApiKey(key_id=caller.key_id, now=ports.clock())
            context = session_context(ports, caller.tenant_id, caller.actor_id)
            await ports.commands("directory").handle(API_KEY, caller.key_id, command, context)
        return answer

    return routes


def session_context(ports: Ports, tenant_id: str, actor_id: str | None = None) -> CommandContext:
    return CommandContext(
        tenant_id=tenant_id,
        actor_id=actor_id,
        occurred_at=ports.clock(),
        correlation_id=str(ports.new_id()),
        caller="sign-in",
    )
