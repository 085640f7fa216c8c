"""Keys of programs and sessions of browsers: made, shown once, revoked."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.choices import named, units_in_sight
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import page
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import Again, Answer, FormFields, Order, ShownForm, sent
from services.projections.pages.setup_words import ROLES, role_in_words
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import OWN_GRANTS, Caller, Resource, Verb
from shared.errors import DomainError
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 200
_FORM = FormFields(
    names=("name", "role", "unit_id", "person_id", "once"),
    of_codes={"not-yet-known": "unit_id", "person-has-left": "person_id", "forbidden": "role"},
)
_TIMES = ("created_at", "expires_at", "revoked_at")
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.KEYS, Verb.READ)
    writing = access.may(Resource.KEYS, Verb.WRITE)

    @routes.get("/keys")
    async def keys(
        request: Request,
        all_of_them: Annotated[bool, Query(alias="all")] = False,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        rows = await _keys(visit, all_of_them=all_of_them)
        return _file(visit, rows) if as_file else _page(visit, rows, _FORM.blank())

    @routes.post("/keys")
    async def create_key(
        request: Request, caller: Caller = Depends(writing), form: FormData = Depends(own_form)
    ) -> Response:
        """The page that answers is the only one that ever shows the key."""
        visit = await visit_of(ports, request, caller)

        async def shown(made: Answer) -> Response:
            return _page(visit, await _keys(visit, all_of_them=False), _FORM.blank(), made)

        return await sent(visit, _order_of_key(form), _again(visit, form), shown)

    @routes.post("/keys/{key_id}/revoke")
    async def revoke_key(
        request: Request,
        key_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        there = "/keys#sessions" if text_of(form, "back") == "sessions" else "/keys"
        return await sent(visit, _order_to_revoke(key_id, there), _again(visit, form))

    return routes


async def _order_of_key(form: FormData) -> Order:
    typed = filled(form, _FORM.names)
    once = typed.pop("once")
    body = {name: value for name, value in typed.items() if value}
    return Order(path="/keys", body=body, place="/keys", once=once or None)


async def _order_to_revoke(key_id: str, there: str) -> Order:
    return Order(path=f"/keys/{key_id}/revoke", place=there)


def _again(visit: Visit, form: FormData) -> Again:
    async def again(refusal: DomainError) -> Response:
        rows = await _keys(visit, all_of_them=False)
        return _page(visit, rows, _FORM.refused(visit, form, refusal))

    return again


async def _keys(visit: Visit, *, all_of_them: bool) -> list[Row]:
    """The latest first; without what is revoked or expired unless all are wanted."""
    rows = []
    for row in (await visit.api.get("/keys"))["rows"]:
        times = {name: moment_said(row[name]) if row[name] else None for name in _TIMES}
        expires_at = times["expires_at"]
        is_over = bool(times["revoked_at"] or (expires_at and expires_at <= visit.words.now))
        if all_of_them or not is_over:
            role_named = role_in_words(visit, row["role"])
            rows.append({**row, **times, "is_over": is_over, "role_named": role_named})
    return sorted(rows, key=lambda row: row["created_at"], reverse=True)


def _page(
    visit: Visit,
    rows: list[Row],
    form: ShownForm,
    made: Answer | None = None,
) -> Response:
    people = named(visit, visit.organisation.people)
    return page(
        visit,
        "keys.html",
        status=form.status,
        title=visit.words.say("Keys and sessions"),
        keys=[row for row in rows if not row["is_session"]][:_SHOWN],
        sessions=[row for row in rows if row["is_session"]][:_SHOWN],
        shows_all=visit.request.query_params.get("all") == "true",
        mine=visit.caller.key_id,
        made=made,
        may_make=visit.may(Resource.KEYS, Verb.WRITE),
        roles=[(each, role_in_words(visit, each)) for each in ROLES if each != OWN_GRANTS],
        units=units_in_sight(visit, Resource.KEYS),
        people=sorted(people, key=lambda each: each[1]),
        once=str(visit.ports.new_id()),
        form=form,
    )


def _file(visit: Visit, rows: list[Row]) -> Response:
    say, exact = visit.words.say, visit.words.exact
    columns = (
        *(say("Key"), say("Name"), say("Role"), say("Unit"), say("Person")),
        *(say("Session"), say("Made"), say("Ends"), say("Revoked")),
    )
    return csv_file(
        "keys",
        columns,
        [
            (
                *(row["key_id"], row["name"], row["role_named"], visit.unit(row["unit_id"])),
                visit.person(row["person_id"]) if row["person_id"] else "",
                say("yes") if row["is_session"] else say("no"),
                *(exact(row[name]) if row[name] else "" for name in _TIMES),
            )
            for row in rows
        ],
    )
