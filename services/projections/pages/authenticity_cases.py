"""Doubted records: cases with their proof, closed by a manager; how often rules are right (S4)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.business_words import action_titles
from services.projections.pages.case_words import (
    RULES,
    STATES,
    about_rule,
    figures_in_words,
    rule_of_case,
)
from services.projections.pages.choices import units_in_sight
from services.projections.pages.forms import filled, own_form
from services.projections.pages.layout import Crumb, from_today, page
from services.projections.pages.lead_words import said
from services.projections.pages.own_api import moment_said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.tables import Lines, every_page, whole_file
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.customer_names import customers_of
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_SHOWN = 50
_FORM = FormFields(names=("verdict", "reason"))
_RULES = tuple(RULES)
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.AUTHENTICITY, Verb.READ)
    writing = access.may(Resource.AUTHENTICITY, Verb.WRITE)

    @routes.get("/authenticity-cases")
    async def list_cases(
        request: Request,
        state: Literal["all", "genuine", "false"] | None = None,
        rule: Annotated[str | None, Query(pattern=f"^({'|'.join(_RULES)})$")] = None,
        unit: Id | None = None,
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        asked = {
            "state": {"all": None, None: "open"}.get(state, state),
            "rule": rule,
            "unit": unit,
        }
        if as_file:
            return await _file(visit, asked)
        found = await _found(visit, {**asked, "cursor": cursor, "limit": str(_SHOWN)})
        rows = [_shown(visit, row) for row in found["rows"]]
        return page(
            visit,
            "authenticity_cases.html",
            title=visit.words.say("Doubted records"),
            crumbs=from_today(visit),
            rows=rows,
            next_cursor=found["next_cursor"],
            state=state,
            states=[(each, said(visit, STATES, each)) for each in ("genuine", "false")],
            rule=rule,
            rules=[(each, rule_of_case(visit, each)) for each in _RULES],
            unit=unit,
            units=units_in_sight(visit, Resource.AUTHENTICITY),
            precisions=await _precisions(visit),
        )

    @routes.get("/authenticity-cases/{case_id}")
    async def show_case(
        request: Request, case_id: Id, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await _one(visit, case_id, _FORM.blank())

    @routes.post("/authenticity-cases/{case_id}/decide")
    async def decide_case(
        request: Request,
        case_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await sent(
            visit,
            _order(case_id, form),
            lambda refusal: _one(visit, case_id, _FORM.refused(visit, form, refusal)),
        )

    return routes


async def _order(case_id: str, form: FormData) -> Order:
    here = f"/authenticity-cases/{case_id}"
    return Order(path=f"{here}/decide", body=filled(form, _FORM.names), place=here)


async def _found(visit: Visit, asked: Mapping[str, str | None]) -> Row:
    query = [(name, value) for name, value in asked.items() if value is not None]
    return await visit.api.get("/authenticity-cases", query)


def _shown(visit: Visit, row: Row) -> Row:
    decided_at = row["decided_at"]
    return {
        **row,
        "rule_named": rule_of_case(visit, row["rule"]),
        "state_named": said(visit, STATES, row["state"]),
        "opened_at": moment_said(row["opened_at"]),
        "decided_at": moment_said(decided_at) if decided_at else None,
    }


async def _precisions(visit: Visit) -> list[Row]:
    rows: list[Row] = (await visit.api.get("/authenticity-rules"))["rows"]
    return [{**row, "rule_named": rule_of_case(visit, row["rule"])} for row in rows]


async def _one(visit: Visit, case_id: str, form: ShownForm) -> Response:
    one = await visit.api.get(f"/authenticity-cases/{case_id}")
    titles = await action_titles(visit)
    customers = await _know_customers(visit, one["proof"])
    [precision] = [each for each in await _precisions(visit) if each["rule"] == one["rule"]]
    return page(
        visit,
        "authenticity_case.html",
        status=form.status,
        place=f"/authenticity-cases/{case_id}",
        title=rule_of_case(visit, one["rule"]),
        crumbs=[Crumb("/authenticity-cases", visit.words.say("Doubted records"))],
        one=_shown(visit, one),
        about=about_rule(visit, one["rule"]),
        facts=figures_in_words(visit, one["facts"], titles),
        proof=[
            {**_line(visit, each, titles), "customer_id": customers.get(each["opportunity_id"])}
            for each in one["proof"]
        ],
        reason=one["reason"] if isinstance(one["reason"], str) else None,
        precision=precision,
        verdicts=[(each, said(visit, STATES, each)) for each in ("genuine", "false")],
        form=form,
        may_decide=one["state"] == "open" and visit.may(Resource.AUTHENTICITY, Verb.WRITE),
    )


async def _know_customers(visit: Visit, proof: Sequence[Row]) -> dict[str, str]:
    """Of the opportunities that the proof is about."""
    ids = sorted({line["opportunity_id"] for line in proof})
    found = await customers_of(visit.ports.read_store, visit.asker.tenant_id, ids)
    await visit.know_customers(list(found.values()))
    return found


def _line(visit: Visit, line: Mapping[str, Any], titles: Mapping[str, str]) -> Row:
    return {
        **line,
        "occurred_at": moment_said(line["occurred_at"]),
        "recorded_at": moment_said(line["recorded_at"]),
        "figures": figures_in_words(visit, line["figures"], titles),
    }


async def _file(visit: Visit, asked: Mapping[str, str | None]) -> Response:
    say = visit.words.say
    columns = (
        *(say("Case"), say("Rule"), say("Rep"), say("Unit"), say("Since"), say("State")),
        *(say("Decided by"), say("Decided"), say("Records")),
    )

    async def ask(cursor: str | None, limit: int) -> Row:
        return await _found(visit, {**asked, "cursor": cursor, "limit": str(limit)})

    async def lines(rows: list[Row]) -> Lines:
        return [_cells(visit, _shown(visit, row)) for row in rows]

    return await whole_file(visit, "authenticity-cases", columns, every_page(ask), lines)


def _cells(visit: Visit, row: Row) -> Sequence[object]:
    return (
        row["case_id"],
        row["rule_named"],
        visit.person(row["rep_id"]),
        visit.unit(row["unit_id"] or ""),
        visit.words.exact(row["opened_at"]),
        row["state_named"],
        visit.person(row["decided_by"]) if row["decided_by"] else "",
        visit.words.exact(row["decided_at"]) if row["decided_at"] else "",
        len(row["actions"]),
    )
