"""One lead: what to do, its score by part, its allocation in the open, its appeal (L4-L6)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.pages.choices import named, people_below
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import (
    BUDGETS,
    CONTACTS,
    DECISIONS,
    SOURCES,
    needs_in_words,
    passed_over_in_words,
    reason_in_words,
    said,
    tag_in_words,
    track_in_words,
    why_in_words,
)
from services.projections.pages.leads import shown_leads
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.timelines import timeline
from shared.access import Caller, Resource, Role, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_FORM = FormFields(
    names=("type", "summary", "budget_status", "interested", "reason", "decision", "owner_id"),
    of_codes={
        "budget-status-is-missing": "budget_status",
        "appeal-is-too-late": "reason",
        "appeal-is-pending": "reason",
        "lead-is-anothers": "reason",
    },
)
_PLAIN = frozenset({"qualify", "convert", "release", "return"})
_DECIDING_ROLES = frozenset({Role.MANAGER, Role.DIRECTOR, Role.SALES_BP, Role.STORE_SUPERVISOR})
_OPEN = ("captured", "assigned", "contacted", "qualified")


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.LEADS, Verb.READ)
    writing = access.may(Resource.LEADS, Verb.WRITE)

    @routes.get("/leads/{lead_id}")
    async def show_lead(
        request: Request, lead_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await _one(visit, lead_id, _FORM.blank())

    @routes.post("/leads/{lead_id}/{deed}")
    async def work_on_lead(
        request: Request,
        lead_id: Id,
        deed: str,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await sent(
            visit,
            _order(lead_id, deed, form),
            lambda refusal: _one(visit, lead_id, _FORM.refused(visit, form, refusal, deed)),
        )

    return routes


async def _order(lead_id: str, deed: str, form: FormData) -> Order:
    """Raises NotFound, Malformed."""
    page_path = f"/leads/{lead_id}"
    return Order(path=f"{page_path}/{deed}", body=_body(deed, form), place=page_path)


def _body(deed: str, form: FormData) -> dict[str, Any]:
    """What the API is to be told. Raises NotFound, Malformed."""
    match deed:
        case "contact":
            return {
                "type": text_of(form, "type"),
                "summary": text_of(form, "summary") or None,
                "budget_status": text_of(form, "budget_status") or None,
                "interested": bool(text_of(form, "interested")),
            }
        case "appeal" | "disqualify":
            return {"reason": text_of(form, "reason")}
        case "decide-appeal":
            return _decision(text_of(form, "decision"), text_of(form, "owner_id"))
        case "assign":
            return {"owner_id": _chosen(text_of(form, "owner_id"))}
        case _ if deed in _PLAIN:
            return {}
        case _:
            raise NotFound(f"nothing is called {deed!r} here")


def _decision(decision: str, owner_id: str) -> dict[str, Any]:
    if decision != "reassign":
        return {"decision": decision}
    return {"decision": decision, "owner_id": _chosen(owner_id)}


def _chosen(owner_id: str) -> str:
    if not owner_id:
        raise Malformed("owner_id", errors=[FieldProblem("owner_id", "missing", "is needed")])
    return owner_id


async def _one(visit: Visit, lead_id: str, form: ShownForm) -> Response:
    [one] = await shown_leads(visit, [await visit.api.get(f"/leads/{lead_id}")])
    return page(
        visit,
        "lead.html",
        status=form.status,
        place=f"/leads/{lead_id}",
        title=visit.words.say("Lead %(name)s", name=visit.customer(one["customer_id"])),
        crumbs=[Crumb("/leads", visit.words.say("Leads"))],
        one=one,
        source=said(visit, SOURCES, one["source"]),
        budget=said(visit, BUDGETS, one["budget_status"]),
        needs=needs_in_words(visit, one["core_needs"]),
        tags=[tag_in_words(visit, each) for each in one["tags"]],
        reason=reason_in_words(visit, one),
        waits_for=passed_over_in_words(visit, one["passed_over"]),
        allocations=await _allocations(visit, lead_id),
        appeal=await _appeal(visit, one),
        may=_may(visit, one),
        colleagues=_colleagues(visit, one),
        contacts=[(each, said(visit, CONTACTS, each)) for each in CONTACTS],
        budgets=[(each, said(visit, BUDGETS, each)) for each in BUDGETS],
        decisions=[(each, said(visit, DECISIONS, each)) for each in DECISIONS],
        form=form,
    )


def _may(visit: Visit, one: Mapping[str, Any]) -> dict[str, bool]:
    """Which forms are shown; whether they are accepted the API says."""
    is_open = one["status"] in _OPEN and visit.may(Resource.LEADS, Verb.WRITE)
    decides = bool(visit.caller.roles & _DECIDING_ROLES)
    until = moment_said(one["appeal_until"]) if one["appeal_until"] else None
    is_mine = one["owner_id"] is not None and one["owner_id"] == visit.caller.person_id
    in_time = until is not None and visit.asker.clock <= until
    return {
        "contact": is_open and one["owner_id"] is not None,
        "qualify": is_open and one["status"] == "contacted",
        "convert": is_open and one["status"] in ("contacted", "qualified"),
        "assign": is_open and decides,
        "appeal": is_open and is_mine and in_time and one["appealed_at"] is None,
        "decide": is_open and decides and one["appealed_at"] is not None,
        "release": visit.may(Resource.LEADS, Verb.WRITE) and one["status"] == "returned",
    }


def _colleagues(visit: Visit, one: Mapping[str, Any]) -> list[tuple[str, str]]:
    """To whom it may be given: its unit's people first, then those around it that are in sight."""
    organisation, seen = visit.organisation, visit.asker.visibility(Resource.LEADS)
    above = organisation.unit_path(one["unit_id"])[-2:][0]
    is_seen = seen.everything or above in seen.unit_ids
    own = named(visit, organisation.people_in(one["unit_id"]))
    around = people_below(visit, above) if is_seen else []
    return [each for each in dict.fromkeys([*own, *around]) if each[0] != one["owner_id"]]


async def _allocations(visit: Visit, lead_id: str) -> list[dict[str, Any]]:
    """Each with who was eligible by their weights, the others with the reason; the latest first."""
    rows = (await visit.api.get(f"/leads/{lead_id}/allocation"))["rows"]
    return [
        {
            **row,
            "allocated_at": moment_said(row["allocated_at"]),
            "track_named": track_in_words(visit, row["track"]),
            "why_named": why_in_words(visit, row["why"]),
            "eligible": [_eligible(row, each) for each in row["weights"]],
            "others": passed_over_in_words(visit, row["passed_over"]),
        }
        for row in reversed(rows)
    ]


def _eligible(row: Mapping[str, Any], rep_id: str) -> dict[str, Any]:
    seconds = row["response_seconds"].get(rep_id)
    return {
        "rep_id": rep_id,
        "weight": row["weights"][rep_id] / 1000,
        "win_rate": row["win_rates"].get(rep_id),
        "attainment": row["attainments"].get(rep_id),
        "response_hours": None if seconds is None else seconds / 3600,
        "knows_customer": rep_id in row["served_customer"],
        "is_chosen": rep_id == row["rep_id"],
    }


async def _appeal(visit: Visit, one: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one that waits for the manager, with the rep's own words."""
    if one["appealed_at"] is None:
        return None
    subject = SubjectOfTimeline("lead", one["lead_id"])
    rows = (await timeline(visit.ports, visit.asker, subject, Question(), newest_first=True))[
        "rows"
    ]
    lodged = next((row for row in rows if row["type"] == "leads.lead_appealed.v1"), None)
    reason = lodged["data"].get("reason") if lodged else None
    return {
        "at": moment_said(one["appealed_at"]),
        "reason": reason if isinstance(reason, str) else None,
    }
