"""Lists of leads page by page, in the order that is asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Select, select, tuple_

from services.leads.domain.lead_list import LeadRow
from services.leads.queries.lead_sight import narrowed_to
from services.leads.queries.leads import LEADS, is_in_sight, shown_leads, unit_now
from shared.access import Caller, Resource, Verb, Visibility, visible_rows
from shared.errors import FieldProblem, Malformed
from shared.organisation import Organisation
from shared.ports import Ports

Place = tuple[int | str, ...]
"""Where a lead stands: the values by which its list is ordered, its id the last."""
_BY_CAPTURE = ("captured_at", "key")
_BY_STATUS = ("status", "awaited_since", "captured_at", "key")
ORDERS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "captured": (_BY_CAPTURE, False),
    "-captured": (_BY_CAPTURE, True),
    "status": (_BY_STATUS, False),
    "-status": (_BY_STATUS, True),
}
"""The columns by which a page may be ordered, and whether downwards. Leads of one status stand by
the time that their reps have left for the contact that is due."""
_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFilter:
    """No `statuses`: of any; `appealed`: only those that wait for the manager's word (L6)."""

    statuses: Collection[str] = ()
    owner_id: str | None = None
    unit_id: str | None = None
    appealed: bool = False
    order: str = "captured"


class LeadPage(NamedTuple):
    """`incomplete`: those whose row lacks an event that was parked; `after`: where to go on."""

    rows: list[LeadRow]
    incomplete: frozenset[str]
    after: Place | None


async def lead_page(
    ports: Ports, caller: Caller, wanted: LeadFilter, after: Place | None, limit: int
) -> LeadPage:
    """Those in sight."""
    organisation = await ports.organisations.of(caller.tenant_id)
    visibility = visible_rows(caller, organisation, Resource.LEADS, Verb.READ)
    units = None if wanted.unit_id is None else organisation.subtree(wanted.unit_id)
    columns, is_down = ORDERS[wanted.order]
    place = tuple_(*(LEADS.rows.c[name] for name in columns))
    query = _asked(caller, organisation, visibility, wanted).limit(limit)
    found: list[LeadRow] = []
    incomplete: set[str] = set()
    while True:
        page = query
        if after is not None:
            page = query.where(place < tuple_(*after) if is_down else place > tuple_(*after))
        async with ports.read_store.reading() as connection:
            rows = (await connection.execute(page)).all()
        for *values, lacks_event, body in rows:
            row, after = LEADS.decode(body), tuple(values)
            if is_in_sight(visibility, organisation, row.facts) and (
                units is None or unit_now(organisation, row.facts) in units
            ):
                found.append(row)
                incomplete |= {row.facts.lead_id} if lacks_event else set()
                if len(found) == limit:
                    return LeadPage(found, frozenset(incomplete), after)
        if len(rows) < limit:
            return LeadPage(found, frozenset(incomplete), None)


def _asked(
    caller: Caller, organisation: Organisation, visibility: Visibility, wanted: LeadFilter
) -> Select[Any]:
    table, owner_id = LEADS.rows, wanted.owner_id
    columns, is_down = ORDERS[wanted.order]
    place = [table.c[name] for name in columns]
    query = select(*place, table.c.incomplete, table.c.body).where(
        table.c.tenant_id == caller.tenant_id
    )
    if visibility.own_person_id and not visibility.unit_ids and not visibility.everything:
        owner_id = owner_id or visibility.own_person_id
    if wanted.statuses:
        query = query.where(table.c.status.in_(sorted(wanted.statuses)))
    if wanted.appealed:
        query = query.where(table.c.is_appealed)
    if owner_id is not None:
        query = query.where(table.c.owner_id == owner_id)
    units = None if wanted.unit_id is None else organisation.subtree(wanted.unit_id)
    narrowed = narrowed_to(table, organisation, visibility, units)
    if narrowed is not None:
        query = query.where(narrowed)
    return query.order_by(*(column.desc() if is_down else column for column in place))


def listed_leads(page: LeadPage, organisation: Organisation, ports: Ports) -> list[dict[str, Any]]:
    """As `shown_leads`; of each also whether its row lacks an event."""
    return [
        {**row, "incomplete": row["lead_id"] in page.incomplete}
        for row in shown_leads(page.rows, organisation, ports)
    ]


def cursor_at(place: Place | None) -> str | None:
    return None if place is None else "_".join(map(str, place))


def place_at(cursor: str | None, order: str) -> Place | None:
    """Where a page of leads goes on in this order. Raises Malformed."""
    if cursor is None:
        return None
    columns, _is_down = ORDERS[order]
    values = cursor.split("_", len(columns) - 1)
    if len(values) != len(columns):
        raise _not_ours()
    return tuple(
        _number(value) if name in ("captured_at", "awaited_since") else value
        for name, value in zip(columns, values, strict=True)
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise _not_ours()
    return int(text)


def _not_ours() -> Malformed:
    return Malformed("cursor", errors=[FieldProblem("cursor", "cursor", "is none of ours")])
