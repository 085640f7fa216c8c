"""Cases of doubted records as managers see them, and how often each rule was right (S4)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, or_, select

from services.scoring.domain.case_list import CaseRow
from services.scoring.domain.doubt import RULES
from services.scoring.domain.rule_precision import Precision
from services.scoring.queries.doubts import precisions
from services.scoring.queries.read_models import CASES
from shared.access import Visibility
from shared.errors import NotFound
from shared.organisation import Organisation
from shared.ports import Ports


class CaseFilter(NamedTuple):
    state: str | None = None
    rule: str | None = None
    rep_id: str | None = None
    unit_id: str | None = None


After = tuple[int, str]
"""Where a page ended: `opened_at` in milliseconds, and the case."""


async def case_page(
    ports: Ports,
    organisation: Organisation,
    seen: Visibility,
    wanted: CaseFilter,
    after: After | None,
    limit: int | None,
) -> tuple[list[dict[str, Any]], After | None]:
    """Those in sight, the latest first, and where to go on; `limit` None: all."""
    table = CASES.rows
    query = select(table.c.opened_at, table.c.key, table.c.body).where(
        table.c.tenant_id == organisation.tenant_id
    )
    for column, value in (
        (table.c.state, wanted.state),
        (table.c.rule, wanted.rule),
        (table.c.rep_id, wanted.rep_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        at, key = after
        same_moment = and_(table.c.opened_at == at, table.c.key > key)
        query = query.where(or_(table.c.opened_at < at, same_moment))
    units = None if wanted.unit_id is None else organisation.subtree(wanted.unit_id)
    query = query.order_by(table.c.opened_at.desc(), table.c.key)
    found: list[dict[str, Any]] = []
    last: After | None = None
    async with ports.read_store.reading() as connection:
        rows = (await connection.execute(query)).all()
    for opened_at, key, body in rows:
        row = CASES.decode(body)
        unit_id = unit_now(organisation, row)
        if not seen.includes(unit_id=unit_id) or (units is not None and unit_id not in units):
            continue
        if len(found) == limit:
            return found, last
        found.append(shown_case(row, unit_id))
        last = (opened_at, key)
    return found, None


async def one_case(
    ports: Ports, organisation: Organisation, seen: Visibility, case_id: str
) -> CaseRow:
    """Raises NotFound, also for what may not be seen."""
    table = CASES.rows
    query = select(table.c.body).where(
        table.c.tenant_id == organisation.tenant_id, table.c.key == case_id
    )
    async with ports.read_store.reading() as connection:
        body = (await connection.execute(query)).scalar()
    row = None if body is None else CASES.decode(body)
    if row is None or not seen.includes(unit_id=unit_now(organisation, row)):
        raise NotFound(f"there is no case {case_id!r}")
    return row


async def shown_whole(ports: Ports, organisation: Organisation, row: CaseRow) -> dict[str, Any]:
    """With its proof, and the reason of whoever decided it."""
    reason = None
    if row.decision_event_id is not None:
        found = await ports.event_store.find_events([UUID(row.decision_event_id)])
        [opened] = await ports.codec.open([ports.codec.decode(each) for each in found.values()])
        reason = opened.event.reason
    return {
        **shown_case(row, unit_now(organisation, row)),
        "proof": row.proof,
        "reason": reason,
        "event_ids": [row.event_id, *filter(None, [row.decision_event_id])],
    }


def shown_case(row: CaseRow, unit_id: str | None) -> dict[str, Any]:
    return {
        "case_id": row.case_id,
        "rule": row.rule,
        "state": row.state,
        "rep_id": row.rep_id,
        "unit_id": unit_id,
        "facts": row.facts,
        "actions": [line.action_id for line in row.proof],
        "only_marks": row.only_marks,
        "proven_at": row.proven_at,
        "opened_at": row.opened_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
    }


def unit_now(organisation: Organisation, row: CaseRow) -> str | None:
    """A case belongs where its rep does, as the tree stands now (A9)."""
    return organisation.unit_of(row.rep_id) or (row.unit_path[-1] if row.unit_path else None)


async def rules_shown(ports: Ports, tenant_id: str) -> Sequence[Mapping[str, Any]]:
    """Every rule, with its precision once enough was decided."""
    known = await precisions(ports, tenant_id)
    return [_shown_rule(rule, known.get(rule, Precision())) for rule in RULES]


def _shown_rule(rule: str, precision: Precision) -> Mapping[str, Any]:
    return {
        "rule": rule,
        "decided": precision.decided,
        "genuine": precision.genuine,
        "false": precision.false,
        "precision": precision.shown,
        "only_marks": precision.only_marks,
    }
