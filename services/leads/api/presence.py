"""A rep says that they are there: a client asks once a minute, or marks them on duty (L5)."""

from fastapi import APIRouter, Depends, Request, Response

from services.leads.api.desk import Desk
from services.leads.domain.presence import PRESENCE, NotePresence, Presence
from shared.access import Caller, Resource, Verb
from shared.errors import Malformed
from shared.http import BASE, Access, Body, command_response


class PresenceBody(Body):
    """`on_duty` left out: as it was."""

    on_duty: bool | None = None


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    writing = access.may(Resource.LEADS, Verb.WRITE)

    @routes.post("/presence")
    async def note_presence(
        request: Request,
        body: PresenceBody,
        caller: Caller = Depends(writing),
    ) -> Response:
        person_id = caller.person_id
        if person_id is None:
            raise Malformed("this key stands for nobody who could be there")
        context = await desk.context(request, caller)
        command = NotePresence(person_id=person_id, on_duty=body.on_duty, now=context.occurred_at)

        def render(presence: Presence) -> dict[str, object]:
            return {
                "person_id": person_id,
                "seen_at": presence.seen_at,
                "on_duty": presence.on_duty,
            }

        handled = await desk.handle(PRESENCE, person_id, command, context, render)
        return await command_response(desk.ports, handled)

    return routes
