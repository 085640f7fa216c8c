"""A link that signs one person in, once: made by whoever may make keys that reach as far (A9)."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, Response

from services.cli.sessions import Visitor
from services.directory.api.desk import require_grantable, require_person, require_unit
from services.directory.domain.person import PersonHasLeft
from shared.access import OWN_GRANTS, Caller, Resource, Role, Verb
from shared.errors import NotYetKnown
from shared.http import BASE, Access, Body, Id, json_response
from shared.organisation import Organisation
from shared.ports import Ports

_KEYS = Resource.KEYS


class NewLink(Body):
    person_id: Id


LinkFor = Callable[[Visitor, str | None], Awaitable[str]]
"""For whom, and by whom it is made."""


def router(ports: Ports, link_for: LinkFor) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["keys"])
    writing = Access(ports).may(_KEYS, Verb.WRITE)

    @routes.post("/sign-in-links", status_code=201)
    async def make_sign_in_link(body: NewLink, caller: Caller = Depends(writing)) -> Response:
        """The session acts by whatever the person is granted; the link is shown this once."""
        organisation = await ports.organisations.of(caller.tenant_id)
        _require_within_reach(caller, organisation, body.person_id)
        visitor = Visitor(caller.tenant_id, OWN_GRANTS, None, body.person_id)
        link = await link_for(visitor, caller.actor_id)
        return json_response({"person_id": body.person_id, "link": link}, 201)

    return routes


def _require_within_reach(caller: Caller, organisation: Organisation, person_id: str) -> None:
    """Raises NotYetKnown, PersonHasLeft, Forbidden."""
    if not organisation.knows_person(person_id):
        raise NotYetKnown(f"person {person_id}")
    if organisation.has_left(person_id):
        raise PersonHasLeft(person_id)
    require_person(caller, organisation, _KEYS, person_id)
    for role, unit_id in organisation.people[person_id].grants:
        require_grantable(caller, organisation, _KEYS, Role(role))
        require_unit(caller, organisation, _KEYS, unit_id)
