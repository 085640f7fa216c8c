"""A notification policy edited: read as a sentence, and who would be told by it now (N2)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.business_words import RULES, rule_in_words
from services.projections.pages.choices import named
from services.projections.pages.forms import at_fault, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router
from services.projections.pages.policy_form import (
    PERSON,
    Draft,
    document_of,
    draft_of,
    empty_draft,
    fields_of_api,
    rearranged,
    typed_draft,
)
from services.projections.pages.policy_words import (
    PLAIN_RECIPIENTS,
    policy_in_words,
    recipient_in_words,
    remarks_on,
)
from services.projections.pages.refusals import field_in_words, refusal_in_words
from services.projections.pages.sent_forms import Order, sent
from services.projections.pages.setup_words import ROLES, channel_in_words
from services.projections.pages.visits import Visit, visit_of
from services.projections.pages.who_is_told import step_in_words
from shared.access import OWN_GRANTS, Caller, Resource, Verb
from shared.errors import DomainError, FieldProblem, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_EVERY_RULE = "*"
_ALWAYS_THERE = ("inbox", "robot")
Said = Mapping[str, Any]


class _Judged(NamedTuple):
    """What is said of a draft: what is wrong, and of one that can be followed whom it tells."""

    problems: list[FieldProblem]
    policy: Said | None = None
    steps: Sequence[Said] | None = None


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    writing = access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/policies/edit")
    async def show_policy(
        request: Request, name: Id | None = None, caller: Caller = Depends(writing)
    ) -> Response:
        """Without a name, a new one."""
        visit = await visit_of(ports, request, caller)
        stored = await _stored(visit, name)
        draft = draft_of(stored) if stored else empty_draft()
        return await _page(visit, stored, draft, _Judged([], stored))

    @routes.post("/policies/edit")
    async def edit_policy(
        request: Request,
        name: Id | None = None,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        """What its buttons ask for; two of them store something."""
        visit = await visit_of(ports, request, caller)
        stored = await _stored(visit, name)
        draft, order, owner = typed_draft(form), text_of(form, "do"), text_of(form, "owner")
        if rearranged(draft, order):
            return await _page(visit, stored, draft, owner=owner)

        async def again(refusal: DomainError) -> Response:
            said = refusal_in_words(getattr(refusal, "refusal_code", ""), visit.words.language)
            return await _page(visit, stored, draft, owner=owner, refused=said, status=409)

        if order == "remove" and stored is not None:
            path = f"/policies/{stored['name']}/remove"
            return await sent(visit, _order(path, {}), again)
        judged = await _judged(visit, draft, owner)
        if order != "save" or judged.problems:
            status = 422 if order == "save" else 200
            return await _page(visit, stored, draft, judged, owner=owner, status=status)
        if stored is not None and text_of(form, "base") != _digest(stored):
            refused = refusal_in_words("version-conflict", visit.words.language)
            return await _page(
                visit, stored, draft, judged, owner=owner, refused=refused, status=412
            )
        return await sent(visit, _order("/policies", document_of(draft)[0]), again)

    return routes


async def _order(path: str, body: Said) -> Order:
    return Order(path=path, body=body, place="/policies#sentences")


async def _stored(visit: Visit, name: str | None) -> Said | None:
    """Raises NotFound."""
    if name is None:
        return None
    rows = (await visit.api.get("/policies"))["rows"]
    found: Said | None = next((row for row in rows if row["name"] == name), None)
    if found is None:
        raise NotFound(name)
    return found


async def _judged(visit: Visit, draft: Draft, owner: str) -> _Judged:
    """By the API; of what it cannot even read, what is wrong with that."""
    document, problems = document_of(draft)
    if problems:
        return _Judged(problems)
    try:
        asked = {**document, **({"owner": owner} if owner else {})}
        answer = (await visit.api.post("/policies/check", asked)).json()
    except ApiRefused as refusal:
        if not refusal.errors:
            raise
        return _Judged(list(refusal.errors))
    if answer["errors"]:
        return _Judged([FieldProblem(**each) for each in answer["errors"]])
    steps = [step_in_words(visit, row) for row in answer["rows"]] if owner else None
    return _Judged([], document, steps)


def _digest(stored: Said) -> str:
    """By which it is seen that somebody else has stored another meanwhile."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


async def _page(
    visit: Visit,
    stored: Said | None,
    draft: Draft,
    judged: _Judged = _Judged([]),  # noqa: B008  # immutable
    *,
    owner: str = "",
    refused: str | None = None,
    status: int = 200,
) -> Response:
    language = visit.words.language
    problems = at_fault(judged.problems, fields_of_api(draft))
    elsewhere = [each for each in judged.problems if each not in problems.values()]
    say = visit.words.say
    kinds = (await visit.api.get("/channels"))["kinds"]
    people = named(visit, visit.organisation.people)
    policy = judged.policy
    return page(
        visit,
        "policy.html",
        status=status,
        title=say("Policy %(name)s", name=stored["name"]) if stored else say("New policy"),
        crumbs=[Crumb("/policies", say("Notification policies"))],
        place="/policies",
        stored=stored,
        base=_digest(stored) if stored else "",
        draft=draft,
        problems=problems,
        others=[(each.field, field_in_words(each.code, language)) for each in elsewhere],
        count=len(judged.problems),
        refused=refused,
        sentence=policy_in_words(visit, policy) if policy else None,
        remarks=remarks_on(visit, policy) if policy else [],
        told=judged.steps,
        owner=owner,
        rules=_rules(visit, draft),
        recipients=_recipients(visit),
        people=sorted(people, key=lambda each: each[1]),
        channels=[(each, channel_in_words(visit, each)) for each in (*_ALWAYS_THERE, *kinds)],
    )


def _rules(visit: Visit, draft: Draft) -> list[tuple[str, str]]:
    """Also those of a tenant's own that it names already."""
    known = [(each, rule_in_words(visit, each)) for each in RULES]
    own = [(each, each) for each in draft["rules"] if each not in RULES and each != _EVERY_RULE]
    every = (_EVERY_RULE, visit.words.say("Every signal that no other policy names"))
    return [every, *known, *own]


def _recipients(visit: Visit) -> list[tuple[str, str]]:
    roles = [f"role:{each}" for each in ROLES if each != OWN_GRANTS]
    named_ones = [(each, recipient_in_words(visit, each)) for each in (*PLAIN_RECIPIENTS, *roles)]
    return [*named_ones, (PERSON, visit.words.say("one person: chosen beside"))]
