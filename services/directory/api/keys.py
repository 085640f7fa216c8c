"""API keys over HTTP: shown once, kept hashed."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.directory.api.desk import (
    Desk,
    require_grantable,
    require_person,
    require_unit,
)
from services.directory.domain.api_key import (
    API_KEY,
    ApiKey,
    CreateApiKey,
    RevokeApiKey,
    Revoked,
    Unknown,
)
from services.directory.domain.person import PersonHasLeft
from shared.access import Caller, Resource, Role, Verb, visible_rows
from shared.errors import NotFound, NotYetKnown
from shared.http import (
    BASE,
    Body,
    Id,
    command_response,
    encode_json,
    json_response,
    key_hash,
    new_key,
)
from shared.organisation import ApiKeyOfTenant, Organisation

_KEYS = Resource.KEYS
KeyName = Annotated[str, StringConstraints(max_length=200)]


class NewKey(Body):
    """A key acts in `role` on `unit_id` (the root by default), for `person_id` if it names one."""

    role: Role
    unit_id: Id | None = None
    person_id: Id | None = None
    name: KeyName = ""


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["keys"])
    reading = desk.access.may(_KEYS, Verb.READ)
    writing = desk.access.may(_KEYS, Verb.WRITE)

    @routes.get("/keys")
    async def list_keys(caller: Caller = Depends(reading)) -> Response:
        organisation = await desk.organisation(caller)
        reach = visible_rows(caller, organisation, _KEYS)
        known = sorted(organisation.api_keys.values(), key=lambda key: key.key_id)
        rows = [_shown(key) for key in known if reach.includes(unit_id=key.unit_id)]
        return json_response({"rows": rows})

    @routes.post("/keys", status_code=201)
    async def create_key(
        request: Request, body: NewKey, caller: Caller = Depends(writing)
    ) -> Response:
        """Answers the key itself, once: a repeated request is answered with `key` null."""
        unit_id = _required_unit(caller, await desk.organisation(caller), body)
        context = await desk.context(request, caller)
        key = new_key(desk.ports.random_bytes)
        command = CreateApiKey(
            key_id=desk.given_id(context, "key"),
            key_hash=key_hash(key),
            role=body.role.value,
            unit_id=unit_id,
            person_id=body.person_id,
            name=body.name,
            now=desk.ports.clock(),
        )
        handled = await desk.handle(API_KEY, command.key_id, command, context, _render)
        response = await command_response(desk.ports, handled, created=True)
        if handled.duplicate:
            return response
        shown_once = msgspec.json.decode(handled.answer) | {"key": key}
        return _with_body(response, shown_once)

    @routes.post("/keys/{key_id}/revoke")
    async def revoke_key(
        request: Request, key_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        organisation = await desk.organisation(caller)
        known = {key.key_id: key for key in organisation.api_keys.values()}
        if key_id not in known:
            raise NotFound(f"key {key_id}")
        require_unit(caller, organisation, _KEYS, known[key_id].unit_id)
        context = await desk.context(request, caller)
        command = RevokeApiKey(key_id=key_id, now=desk.ports.clock())
        handled = await desk.handle(API_KEY, key_id, command, context, _render)
        return await command_response(desk.ports, handled)

    return routes


def _required_unit(caller: Caller, organisation: Organisation, body: NewKey) -> str:
    require_grantable(caller, organisation, _KEYS, body.role)
    unit_id = body.unit_id or organisation.root_id or ""
    require_unit(caller, organisation, _KEYS, unit_id)
    if body.person_id is not None:
        if not organisation.knows_person(body.person_id):
            raise NotYetKnown(f"person {body.person_id}")
        if organisation.has_left(body.person_id):
            raise PersonHasLeft(body.person_id)
        require_person(caller, organisation, _KEYS, body.person_id)
    return unit_id


def _with_body(response: Response, content: Mapping[str, Any]) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(encode_json(dict(content)), response.status_code, headers)


def _render(api_key: ApiKey) -> Mapping[str, Any]:
    """Without the key: answers are stored."""
    assert not isinstance(api_key, Unknown)
    created = api_key.created
    return {
        "key_id": created.key_id,
        "key": None,
        "role": created.role,
        "unit_id": created.unit_id,
        "person_id": created.person_id,
        "name": created.name,
        "revoked_at": api_key.revoked_at if isinstance(api_key, Revoked) else None,
    }


def _shown(key: ApiKeyOfTenant) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "role": key.role,
        "unit_id": key.unit_id,
        "person_id": key.person_id,
        "name": key.name,
        "is_session": key.is_session,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
