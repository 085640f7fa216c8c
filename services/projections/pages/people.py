"""People: who is here, in which unit, with which roles, who is away and who stands in."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.choices import units_in_sight
from services.projections.pages.forms import filled, own_form
from services.projections.pages.layout import page
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.setup_words import listed, role_in_words
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import DomainError
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 100
_FORM = FormFields(
    names=("person_id", "name", "unit_id", "language"),
    of_codes={"person-already-exists": "person_id", "not-yet-known": "unit_id"},
)
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.PEOPLE, Verb.READ)
    writing = access.may(Resource.PEOPLE, Verb.WRITE)

    @routes.get("/people")
    async def people(
        request: Request,
        unit: Id | None = None,
        name: str = "",
        start: Annotated[int, Query(ge=0)] = 0,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        rows = await people_shown(visit, unit, name)
        return _file(visit, rows) if as_file else _page(visit, rows, start, _FORM.blank())

    @routes.post("/people")
    async def add_person(
        request: Request, caller: Caller = Depends(writing), form: FormData = Depends(own_form)
    ) -> Response:
        visit = await visit_of(ports, request, caller)

        async def again(refusal: DomainError) -> Response:
            rows = await people_shown(visit, None, "")
            return _page(visit, rows, 0, _FORM.refused(visit, form, refusal))

        return await sent(visit, _order(form), again)

    return routes


async def _order(form: FormData) -> Order:
    given = {name: value for name, value in filled(form, _FORM.names).items() if value}
    return Order(path="/people", body=given, place="/people/{person_id}")


async def people_shown(visit: Visit, unit: str | None, name: str) -> list[Row]:
    """By name, those who have left last."""
    organisation = visit.organisation
    wanted = organisation.subtree(unit) if unit and organisation.knows_unit(unit) else None
    away = await absences_by_person(visit)
    rows = []
    for person_id, person in organisation.people.items():
        unit_id = organisation.unit_of(person_id)
        named = visit.person(person_id)
        if wanted is not None and unit_id not in wanted:
            continue
        if name.casefold() not in named.casefold() and name != person_id:
            continue
        rows.append(
            {
                "person_id": person_id,
                "name": named,
                "unit": visit.unit(unit_id) if unit_id else "",
                "roles": listed(visit, roles_in_words(visit, person.grants)),
                "left_at": person.left_at,
                "absence": away.get(person_id),
            }
        )
    return sorted(rows, key=lambda row: (row["left_at"] is not None, row["name"]))


def roles_in_words(visit: Visit, grants: list[tuple[str, str]]) -> list[str]:
    return [
        visit.words.say(
            "%(role)s of %(unit)s", role=role_in_words(visit, role), unit=visit.unit(unit_id)
        )
        for role, unit_id in grants
    ]


async def absences_by_person(visit: Visit) -> Mapping[str, Row]:
    """Who is away now, among those whom the reader sees."""
    now = visit.words.now
    return {
        row["person_id"]: row
        for row in await absences(visit)
        if row["begins_at"] <= now < row["ends_at"]
    }


async def absences(visit: Visit) -> list[Row]:
    """Those that are not over; none for a role to which nobody is shown."""
    if not visit.may(Resource.ESCALATIONS):
        return []
    rows = (await visit.api.get("/absences"))["rows"]
    found = [
        {**row, "begins_at": moment_said(row["begins_at"]), "ends_at": moment_said(row["ends_at"])}
        for row in rows
    ]
    return [row for row in found if row["ends_at"] > visit.words.now]


def _page(visit: Visit, rows: list[Row], start: int, form: ShownForm) -> Response:
    query = visit.request.query_params
    return page(
        visit,
        "people.html",
        status=form.status,
        title=visit.words.say("People"),
        rows=rows[start : start + _SHOWN],
        total=len(rows),
        following=start + _SHOWN if start + _SHOWN < len(rows) else None,
        unit=query.get("unit"),
        name=query.get("name", ""),
        units=units_in_sight(visit, Resource.PEOPLE),
        may_add=visit.may(Resource.PEOPLE, Verb.WRITE),
        form=form,
    )


def _file(visit: Visit, rows: list[Row]) -> Response:
    say = visit.words.say
    columns = (say("Person"), say("Name"), say("Unit"), say("Roles"), say("Left"))
    return csv_file(
        "people",
        columns,
        [
            (
                row["person_id"],
                row["name"],
                row["unit"],
                row["roles"],
                visit.words.exact(row["left_at"]) if row["left_at"] else "",
            )
            for row in rows
        ],
    )
