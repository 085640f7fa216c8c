"""One person: unit, roles, addresses, absences with who stands in, and leaving."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from services.projections.pages.choices import named, units_in_sight
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.people import absences
from services.projections.pages.refused_forms import refused_form
from services.projections.pages.setup_words import CHANNELS_OF_PEOPLE, ROLES, role_in_words
from services.projections.pages.typed_times import typed_time
from services.projections.pages.visits import Visit, visit_of, wait_until_shown
from shared.access import OWN_GRANTS, Caller, Resource, Verb
from shared.errors import DomainError, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_FIELDS = (
    *("name", "unit_id", "role", "channel", "address"),
    *("stand_in_id", "begins_at", "ends_at", "absence_id"),
)
_OF_CODES = {"not-yet-known": "unit_id", "absence-is-announced": "begins_at"}


class _Refused(NamedTuple):
    """What was asked for, why it was not done, and what was typed."""

    deed: str
    why: DomainError
    typed: Mapping[str, str]


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
        try:
            made = (await visit.api.post("/sign-in-links", {"person_id": person_id})).json()
        except ApiRefused as refusal:
            if status_and_code(refusal)[0] == NotFound.status:
                raise
            typed = dict.fromkeys(_FIELDS, "")
            return await _one(visit, person_id, _Refused("sign-in-link", refusal, typed))
        return await _one(visit, person_id, link=made["link"])

    @routes.get("/people/{person_id}/sign-in-link")
    @routes.get("/people/{person_id}/absences")  # also after a refused form, in another language
    @routes.get("/people/{person_id}")
    async def show_person(
        request: Request, person_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        return await _one(await visit_of(ports, request, caller), person_id)

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
        typed = filled(form, _FIELDS)
        body = {name: typed[name] or None for name in _BODIES[deed]}
        return await _told(visit, person_id, deed, f"/people/{person_id}/{deed}", body, typed)

    @routes.post("/people/{person_id}/absences")
    async def change_absences(
        request: Request,
        person_id: Id,
        caller: Caller = Depends(standing_in),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        typed = filled(form, _FIELDS)
        if typed["absence_id"]:
            path = f"/absences/{typed['absence_id']}/withdraw"
            return await _told(visit, person_id, "withdraw-absence", path, {}, typed)
        try:
            body = _absence(visit, person_id, typed)
        except Malformed as refusal:
            return await _one(visit, person_id, _Refused("absence", refusal, typed))
        return await _told(visit, person_id, "absence", "/absences", body, typed)

    return routes


_BODIES: Mapping[str, tuple[str, ...]] = {
    "rename": ("name",),
    "move": ("unit_id",),
    "give-grant": ("role", "unit_id"),
    "withdraw-grant": ("role", "unit_id"),
    "set-address": ("channel", "address"),
    "leave": (),
}


def _absence(visit: Visit, person_id: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """Raises Malformed."""
    return {
        "person_id": person_id,
        "stand_in_id": typed["stand_in_id"] or None,
        "begins_at": typed_time(visit, "begins_at", typed["begins_at"]),
        "ends_at": typed_time(visit, "ends_at", typed["ends_at"]),
    }


async def _told(
    visit: Visit,
    person_id: str,
    deed: str,
    path: str,
    body: Mapping[str, Any],
    typed: Mapping[str, str],
) -> Response:
    try:
        answer = await visit.api.post(path, body)
    except ApiRefused as refusal:
        if status_and_code(refusal)[0] == NotFound.status:
            raise
        return await _one(visit, person_id, _Refused(deed, refusal, typed))
    await wait_until_shown(visit.ports, answer.headers["Pulsetrail-Position"])
    return RedirectResponse(f"/people/{person_id}", status_code=303)


async def _one(
    visit: Visit, person_id: str, refused: _Refused | None = None, link: str | None = None
) -> Response:
    shown = await visit.api.get(f"/people/{person_id}")
    form = refused_form(
        visit, refused.why if refused else None, {each: each for each in _FIELDS}, _OF_CODES
    )
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
        deed=refused.deed if refused else "",
        form=form,
        typed=refused.typed if refused else dict.fromkeys(_FIELDS, ""),
    )
