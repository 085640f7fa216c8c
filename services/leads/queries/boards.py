"""Every board of leads by its name: what `GET /boards/{name}` and `pulsetrail board NAME` show."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.leads.queries.customers import is_visible
from services.leads.queries.fairness import allocation_board
from services.leads.queries.lead_pages import (
    LeadFilter,
    cursor_at,
    lead_page,
    listed_leads,
    place_at,
)
from services.leads.queries.look_alikes import duplicates
from services.leads.queries.unit_boards import (
    first_response_board,
    intent_board,
    lead_to_won_board,
)
from shared.access import Caller, Resource, Verb, visible_rows
from shared.errors import NotFound
from shared.organisation import Organisation
from shared.ports import Ports

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadQuestion:
    """A board's query fields as they were sent; `limit` None: all rows. `order`: of leads."""

    unit_id: str | None = None
    rep_id: str | None = None
    month: str | None = None
    limit: int | None = None
    cursor: str | None = None
    order: str = "captured"


LeadBoard = Callable[[Ports, Caller, LeadQuestion], Awaitable[dict[str, Any]]]


async def leads_board(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    """Those in sight, the oldest first: a rep's inbox, a manager's leads that wait."""
    return await _leads(ports, caller, question)


async def appeals_board(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    """Leads in sight whose rep waits for the manager's word (L6)."""
    return await _leads(ports, caller, question, appealed=True)


async def waiting_board(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    """Leads in sight that nobody has (L5)."""
    return await _leads(ports, caller, question, statuses=("captured",))


async def _leads(
    ports: Ports,
    caller: Caller,
    question: LeadQuestion,
    *,
    statuses: Collection[str] = (),
    appealed: bool = False,
) -> dict[str, Any]:
    organisation = await ports.organisations.of(caller.tenant_id)
    after = place_at(question.cursor, question.order)
    wanted = LeadFilter(
        statuses=statuses,
        owner_id=question.rep_id,
        unit_id=question.unit_id,
        appealed=appealed,
        order=question.order,
    )
    found: list[dict[str, Any]] = []
    while True:
        limit = _PAGE if question.limit is None else question.limit - len(found)
        page = await lead_page(ports, caller, wanted, after, limit)
        found += listed_leads(page, organisation, ports)
        after = page.after
        if after is None or (question.limit is not None and len(found) >= question.limit):
            return {"rows": found, "next_cursor": cursor_at(after)}


async def allocations(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    """A unit's month, by default the root's running one: open to all who work with leads (L7)."""
    organisation = await ports.organisations.of(caller.tenant_id)
    unit_id = question.unit_id or organisation.root_id
    if unit_id is None or not organisation.knows_unit(unit_id):
        raise NotFound(f"there is no unit {unit_id!r}")
    clock = organisation.clock(ports.clock())
    today = organisation.calendar(clock).day_of(clock)
    month = question.month or today.isoformat()[:7]
    return await allocation_board(ports, organisation, unit_id, month)


async def duplicates_board(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    """Customers that look like one, to be merged or kept apart (L1)."""
    cursor: str | None = question.cursor or ""
    rows: list[dict[str, Any]] = []
    while cursor is not None and (question.limit is None or len(rows) < question.limit):
        limit = _PAGE if question.limit is None else question.limit - len(rows)
        found, cursor = await duplicates(ports, caller.tenant_id, cursor, limit)
        rows += [
            {"reason": mark.partition(":")[0], "customer_ids": ids}
            for mark, ids in found
            if all([await is_visible(ports, caller, each, Verb.READ) for each in ids])
        ]
    return {"rows": rows, "next_cursor": cursor}


async def intents(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    organisation = await ports.organisations.of(caller.tenant_id)
    return await intent_board(ports, organisation, _unit(caller, organisation, question))


async def first_responses(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    organisation = await ports.organisations.of(caller.tenant_id)
    unit_id = _unit(caller, organisation, question)
    clock = organisation.clock(ports.clock())
    return await first_response_board(ports, organisation, unit_id, clock)


async def lead_to_won(ports: Ports, caller: Caller, question: LeadQuestion) -> dict[str, Any]:
    organisation = await ports.organisations.of(caller.tenant_id)
    return await lead_to_won_board(ports, organisation, _unit(caller, organisation, question))


LEAD_BOARDS: Mapping[str, LeadBoard] = {
    "leads": leads_board,
    "waiting-leads": waiting_board,
    "appeals": appeals_board,
    "allocation": allocations,
    "duplicates": duplicates_board,
    "intent": intents,
    "first-responses": first_responses,
    "lead-to-won": lead_to_won,
}


def _unit(caller: Caller, organisation: Organisation, question: LeadQuestion) -> str:
    """The one named, else the root or the first that is granted. Raises NotFound (A9)."""
    seen = visible_rows(caller, organisation, Resource.LEADS, Verb.READ)
    granted = [grant.unit_id for grant in caller.grants if grant.unit_id in seen.unit_ids]
    own = organisation.root_id if seen.everything else next(iter(granted), None)
    unit_id = question.unit_id or own
    visible = seen.everything or unit_id in seen.unit_ids
    if unit_id is None or not visible or not organisation.knows_unit(unit_id):
        raise NotFound(f"there is no unit {question.unit_id!r}")
    return unit_id
