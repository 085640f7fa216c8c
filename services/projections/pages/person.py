"""One person: unit, roles, addresses, absences with who stands in, and leaving."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.choices import named, units_in_sight
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.people import absences
from services.projections.pages.sent_forms import Again, Answer, FormFields, Order, ShownForm, sent
from services.projections.pages.setup_words import CHANNELS_OF_PEOPLE, ROLES, role_in_words
from services.projections.pages.typed_times import typed_times
from services.projections.pages.visits import Visit, visit_of
from shared.access import OWN_GRANTS, Caller, Resource, Verb
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

_FORM = FormFields(
    names=(
        *("name", "unit_id", "role", "channel", "address"),
        *("stand_in_id", "begins_at", "ends_at", "absence_id"),
    ),
    of_codes={"not-yet-known": "unit_id", "absence-is-announced": "begins_at"},
)


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.PEOPLE, Verb.READ)
    writing = access.may(Resource.PEOPLE, Verb.WRITE)
    making_keys = access.may(Resource.KEYS, Verb.WRITE)
    standing_in = access.may(Resource.ESCALATIONS, Verb.WRITE)

    @routes.post("/people/{person_id}/sign-in-link")
    async def make_sign_in_link(
        request: Request,
        person_id: Id,
        caller: Caller = Depends(making_keys),
        form: FormData = Depends(own_form),
    ) -> Response:
        """The page that answers is the only one that ever shows the link."""
        visit = await visit_of(ports, request, caller)

        async def shown(made: Answer) -> Response:
            return await _one(visit, person_id, _FORM.blank(), link=made["link"])

        return await sent(
            visit,
            _order("/sign-in-links", person_id, {"person_id": person_id}),
            _again(visit, person_id, form, "sign-in-link"),
            shown,
        )

    @routes.get("/people/{person_id}/sign-in-link")
    @routes.get("/people/{person_id}/absences")  # also after a refused form, in another language
    @routes.get("/people/{person_id}")
    async def show_person(
        request: Request, person_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        return await _one(await visit_of(ports, request, caller), person_id, _FORM.blank())

    @routes.post("/people/{person_id}")
    async def change_person(
        request: Request,
        person_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        deed = text_of(form, "deed")
        if deed not in _BODIES:
            raise NotFound(f"nothing is called {deed!r} here")
        typed = filled(form, _FORM.names)
        body = {name: typed[name] or None for name in _BODIES[deed]}
        return await sent(
            visit,
            _order(f"/people/{person_id}/{deed}", person_id, body),
            _again(visit, person_id, form, deed),
        )

    @routes.post("/people/{person_id}/absences")
    async def change_absences(
        request: Request,
        person_id: Id,
        caller: Caller = Depends(standing_in),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        typed = filled(form, _FORM.names)
        if typed["absence_id"]:
            order = _order(f"/absences/{typed['absence_id']}/withdraw", person_id, {})
            return await sent(visit, order, _again(visit, person_id, form, "withdraw-absence"))
        return await sent(
            visit,
            _announced_absence(visit, person_id, typed),
            _again(visit, person_id, form, "absence"),
        )

    return routes


_BODIES: Mapping[str, tuple[str, ...]] = {
    "rename": ("name",),
    "move": ("unit_id",),
    "give-grant": ("role", "unit_id"),
    "withdraw-grant": ("role", "unit_id"),
    "set-address": ("channel", "address"),
    "leave": (),
}


async def _order(path: str, person_id: str, body: Mapping[str, Any]) -> Order:
    return Order(path=path, body=body, place=f"/people/{person_id}")


async def _announced_absence(visit: Visit, person_id: str, typed: Mapping[str, str]) -> Order:
    """Raises Malformed."""
    body = {
        "person_id": person_id,
        "stand_in_id": typed["stand_in_id"] or None,
        **typed_times(visit, {name: typed[name] for name in ("begins_at", "ends_at")}),
    }
    return await _order("/absences", person_id, body)


def _again(visit: Visit, person_id: str, form: FormData, deed: str) -> Again:
    return lambda refusal: _one(visit, person_id, _FORM.refused(visit, form, refusal, deed))


async def _one(visit: Visit, person_id: str, form: ShownForm, link: str | None = None) -> Response:
    shown = await visit.api.get(f"/people/{person_id}")
    is_here = shown["left_at"] is None
    return page(
        visit,
        "person.html",
        status=form.status,
        title=visit.person(person_id),
        crumbs=[Crumb("/people", visit.words.say("People"))],
        one=shown,
        left_at=visit.organisation.people[person_id].left_at,
        grants=[
            (each["role"], role_in_words(visit, each["role"]), each["unit_id"])
            for each in shown["grants"]
        ],
        absences=[row for row in await absences(visit) if row["person_id"] == person_id],
        may_change=is_here and visit.may(Resource.PEOPLE, Verb.WRITE),
        may_stand_in=is_here and visit.may(Resource.ESCALATIONS, Verb.WRITE),
        link=link,
        may_make_links=is_here and visit.may(Resource.KEYS, Verb.WRITE),
        may_read_timeline=visit.may(Resource.TIMELINES),
        may_see_absences=visit.may(Resource.ESCALATIONS),
        units=units_in_sight(visit, Resource.PEOPLE),
        colleagues=sorted(
            ((who, name) for who, name in named(visit, visit.organisation.people)),
            key=lambda each: each[1],
        ),
        roles=[(each, role_in_words(visit, each)) for each in ROLES if each != OWN_GRANTS],
        channels=CHANNELS_OF_PEOPLE,
        form=form,
    )
