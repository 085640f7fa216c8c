"""The made-up staff behind HTTP: one tiny service in the real application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, ValidationError

from shared.access import Caller, Resource, Verb
from shared.codec import NewEvent
from shared.command_handling import CommandContext, Handled, derived_id
from shared.errors import Forbidden, Malformed, NotYetKnown, StoreAway
from shared.event_store import Append
from shared.events.directory import ApiKeyCreated, TenantCreated, UnitAdded
from shared.hosting import Hosting, application
from shared.http import (
    BASE,
    Access,
    Body,
    Id,
    When,
    answering,
    command_response,
    field_problems,
    key_hash,
)
from shared.http_commands import Times, command_context, command_digest
from shared.ports import Ports
from shared.service import Service
from tests.shared.installation import TENANT, context, opened
from tests.shared.staff import (
    NOW,
    STAFF,
    Join,
    Move,
    Present,
    headcount_model,
)

B = TypeVar("B", bound=Body)

KEYS = {"administrator": "pt_administrator", "auditor": "pt_auditor", "rep": "pt_rep"}


class JoinBody(Body):
    person_id: Id
    name: Annotated[str, Field(max_length=64)] = "Ann Example"
    joined_at: When | None = None


class MoveBody(Body):
    person_id: Id
    unit_id: Id


def shown(person: Any) -> dict[str, Any]:
    return {"unit_id": person.unit_id if isinstance(person, Present) else None}


def build(ports: Ports) -> Service:
    """Joining by its own route; joining and moving by lines of a batch."""
    access = Access(ports)
    handling = ports.commands("directory")
    routes = APIRouter(prefix=BASE)

    async def join(body: JoinBody, command_context: CommandContext) -> Handled[Any]:
        command = Join(person_id=body.person_id, name=body.name)
        return await handling.handle(
            STAFF, body.person_id, command, command_context, answering(shown)
        )

    @routes.post("/staff")
    async def post_staff(
        request: Request,
        body: JoinBody,
        caller: Annotated[Caller, Depends(access.may(Resource.PEOPLE, Verb.WRITE))],
    ) -> Response:
        digest = command_digest(request.url.path, await request.body())
        handled = await join(body, command_context(request, caller, digest, Times(NOW)))
        return await command_response(ports, handled, created=True)

    @routes.get("/staff", dependencies=[Depends(access.waited)])
    async def get_staff(
        caller: Annotated[Caller, Depends(access.may(Resource.PEOPLE, Verb.READ))],
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        return Response(b"{}", media_type="application/json")

    @routes.get("/staff/{failure}")
    async def get_failure(failure: str) -> Response:
        match failure:
            case "bug":
                raise RuntimeError("secret inner workings")
            case "away":
                raise StoreAway("the store is away")
            case "unknown":
                raise NotYetKnown("unit u9 is not known yet")
            case _:
                raise Forbidden("not for you")

    async def line_join(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        return await join(_fitting(JoinBody, fields), context)

    async def line_move(
        caller: Caller, fields: Mapping[str, Any], context: CommandContext
    ) -> Handled[Any]:
        body = _fitting(MoveBody, fields)
        if body.unit_id == "bug":
            raise RuntimeError("secret inner workings")
        command = Move(person_id=body.person_id, unit_id=body.unit_id)
        return await handling.handle(STAFF, body.person_id, command, context, answering(shown))

    return Service(
        name="staff",
        routers=(routes,),
        read_models=(headcount_model(),),
        commands={"join": line_join, "move": line_move},
    )


def _fitting(kind: type[B], fields: Mapping[str, Any]) -> B:
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as flaw:
        raise Malformed("it does not fit", errors=field_problems(flaw.errors())) from flaw


async def _found_tenant(ports: Ports) -> None:
    events: list[Any] = [
        TenantCreated(tenant_id=TENANT, zone="UTC", created_at=NOW),
        UnitAdded(unit_id="company", name="Company", parent_id=None, kind="company"),
    ]
    events += [
        ApiKeyCreated(
            key_id=f"key-{role}",
            key_hash=key_hash(key),
            role=role,
            unit_id="company",
            person_id=None,
            name=role,
            created_at=NOW,
        )
        for role, key in KEYS.items()
    ]
    new = [
        NewEvent(event, derived_id("founding", number), context().envelope())
        for number, event in enumerate(events)
    ]
    encoded = await ports.codec.seal(new)
    await ports.event_store.append([Append("directory", f"{TENANT}/founding/1", 0, encoded)])


@asynccontextmanager
async def serving(folder: Path, **options: Any) -> AsyncIterator[tuple[Hosting, httpx.AsyncClient]]:
    """The application and a client of its administrator."""
    async with opened(folder, **options) as ports:
        await _found_tenant(ports)
        hosting = Hosting(ports, [build(ports)])
        await hosting.create_tables()
        transport = httpx.ASGITransport(app=application(hosting), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {KEYS['administrator']}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            yield hosting, client
