"""A robot, mail server or webhook set up for a unit: secrets go in and are never shown (N1)."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.choices import units_in_sight
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.setup_words import channel_in_words
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_FORM = FormFields(
    names=("channel_id", "kind", "unit_id", "url", "secret", "template"),
    of_codes={"not-yet-known": "unit_id"},
)
_BACK = "/policies#channels"


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    writing = access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/policies/channel")
    async def show_channel(
        request: Request, channel: Id | None = None, caller: Caller = Depends(writing)
    ) -> Response:
        """Without one, a new one."""
        return await _page(await visit_of(ports, request, caller), channel, None)

    @routes.post("/policies/channel")
    async def set_channel_up(
        request: Request,
        channel: Id | None = None,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await sent(
            visit,
            _order(channel, form),
            lambda refusal: _page(visit, channel, _FORM.refused(visit, form, refusal)),
        )

    return routes


async def _order(channel_id: str | None, form: FormData) -> Order:
    """Raises Malformed for a template that is no JSON."""
    if channel_id is not None and text_of(form, "do") == "remove":
        return Order(path=f"/channels/{channel_id}/remove", place=_BACK)
    typed = filled(form, _FORM.names)
    if channel_id is not None:
        typed["channel_id"] = channel_id
    body: dict[str, Any] = {name: value for name, value in typed.items() if value}
    if typed["template"]:
        body["template"] = _read(typed["template"])
    return Order(path="/channels", body=body, place=_BACK)


def _read(template: str) -> Any:
    try:
        return json.loads(template)
    except ValueError:
        problem = FieldProblem("template", "not-json", "is no JSON")
        raise Malformed("template", errors=[problem]) from None


async def _page(visit: Visit, channel_id: str | None, form: ShownForm | None) -> Response:
    found = await visit.api.get("/channels")
    known: Mapping[str, Mapping[str, Any]] = {row["channel_id"]: row for row in found["rows"]}
    if channel_id is not None and channel_id not in known:
        raise NotFound(channel_id)
    one = known[channel_id] if channel_id else None
    say = visit.words.say
    if form is None:
        stored = {name: one[name] for name in ("kind", "unit_id")} if one else {}
        form = _FORM.blank(channel_id=channel_id or "", **stored)
    return page(
        visit,
        "channel.html",
        status=form.status,
        title=say("Channel %(name)s", name=channel_id) if channel_id else say("New channel"),
        crumbs=[Crumb("/policies", say("Notification policies"))],
        one=one,
        form=form,
        kinds=[(each, channel_in_words(visit, each)) for each in found["kinds"]],
        units=units_in_sight(visit, Resource.POLICIES),
    )
