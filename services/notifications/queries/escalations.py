"""Questions about escalations: the list that a caller may see, and single ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, false, func, or_, select, tuple_

from services.notifications.domain.escalation_list import EscalationRow, escalation_of, told_text
from services.notifications.domain.steps import PlannedStep, WorkingTime, planned_step
from services.notifications.queries.pages import next_cursor, parsed_place
from services.notifications.queries.read_models import ESCALATIONS
from shared.access import Caller, Resource, Verb, Visibility, visible_rows
from shared.organisation import Organisation
from shared.read_store import ReadStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`states` empty: all of them. `mine`: only those that the caller's person was told of or
    holds; a caller who is nobody in particular has none. `order`: the empty text is the latest
    first, "-" before a column is downwards."""

    states: tuple[str, ...] = ()
    rule: str | None = None
    subject_id: str | None = None
    mine: bool = False
    order: str = ""


class EscalationsPage(NamedTuple):
    """`incomplete`: those whose row lacks an event that was parked."""

    rows: list[EscalationRow]
    incomplete: frozenset[str]
    next_cursor: str | None


_KINDS: Mapping[str, type] = {"opened_at": int, "due_at": int, "rule": str, "key": str}
_BY_DUE, _BY_RULE = ("due_at", "key"), ("rule", "due_at", "key")
_ORDERS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "": (("opened_at", "key"), True),
    "due": (_BY_DUE, False),
    "-due": (_BY_DUE, True),
    "rule": (_BY_RULE, False),
    "-rule": (_BY_RULE, True),
}
"""The columns by which a page may be ordered, and whether downwards."""


def may_see(
    row: EscalationRow, caller: Caller, organisation: Organisation, verb: Verb = Verb.READ
) -> bool:
    """By its unit, by owning or holding it, or by having been told of it."""
    visibility = visible_rows(caller, organisation, Resource.ESCALATIONS, verb)
    opened, course = row.course.opened, row.course
    if caller.person_id is not None and caller.person_id in course.told:
        return True
    return visibility.includes(
        unit_id=opened.unit_id, owner_id=opened.owner_id, actor_id=course.holder_id
    )


async def escalations_page(
    reads: ReadStore,
    caller: Caller,
    organisation: Organisation,
    wanted: Filter,
    limit: int,
    cursor: str | None,
) -> EscalationsPage:
    """Raises Malformed for a cursor that is none of this order's."""
    table = ESCALATIONS.rows
    visibility = visible_rows(caller, organisation, Resource.ESCALATIONS)
    columns, is_down = _ORDERS[wanted.order]
    place = [table.c[name] for name in columns]
    query = select(*place, table.c.incomplete, table.c.body).where(
        table.c.tenant_id == caller.tenant_id, *_conditions(wanted, caller)
    )
    if not visibility.everything:
        query = query.where(_visible(visibility, caller))
    if cursor is not None:
        after = tuple_(*parsed_place(cursor, [_KINDS[name] for name in columns]))
        query = query.where(tuple_(*place) < after if is_down else tuple_(*place) > after)
    ordered = [column.desc() if is_down else column for column in place]
    query = query.order_by(*ordered).limit(limit + 1)
    async with reads.reading() as connection:
        rows = (await connection.execute(query)).all()
    return EscalationsPage(
        rows=[ESCALATIONS.decode(row.body) for row in rows[:limit]],
        incomplete=frozenset(row.key for row in rows[:limit] if row.incomplete),
        next_cursor=next_cursor([tuple(row)[: len(columns)] for row in rows], limit),
    )


def _conditions(wanted: Filter, caller: Caller) -> list[ColumnElement[bool]]:
    table = ESCALATIONS.rows
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(table.c.status.in_(wanted.states))
    if wanted.rule is not None:
        conditions.append(table.c.rule == wanted.rule)
    if wanted.subject_id is not None:
        conditions.append(table.c.subject_id == wanted.subject_id)
    if wanted.mine and caller.person_id is None:
        conditions.append(false())
    elif wanted.mine:
        conditions.append(
            or_(table.c.holder_id == caller.person_id, _was_told(str(caller.person_id)))
        )
    return conditions


def _visible(visibility: Visibility, caller: Caller) -> ColumnElement[bool]:
    table = ESCALATIONS.rows
    ways: list[ColumnElement[bool]] = [false()]
    if visibility.unit_ids:
        ways.append(table.c.unit_id.in_(sorted(visibility.unit_ids)))
    if visibility.own_person_id is not None:
        ways.append(table.c.owner_id == visibility.own_person_id)
        ways.append(table.c.holder_id == visibility.own_person_id)
    if caller.person_id is not None:
        ways.append(_was_told(caller.person_id))
    return or_(*ways)


def _was_told(person_id: str) -> ColumnElement[bool]:
    return ESCALATIONS.rows.c.told.contains(told_text((person_id,)), autoescape=True)


class EscalationsAbout(NamedTuple):
    """How many there were about one thing, and the one that is not resolved."""

    raised: int
    unresolved_id: str | None


async def escalations_about(
    reads: ReadStore, tenant_id: str, rule: str
) -> Mapping[str, EscalationsAbout]:
    """Of one rule, by what they are about."""
    table = ESCALATIONS.rows
    unresolved = case((table.c.status != "resolved", table.c.key))
    query = (
        select(
            table.c.subject_id,
            func.count().label("raised"),
            func.max(unresolved).label("unresolved_id"),
        )
        .where(table.c.tenant_id == tenant_id, table.c.rule == rule)
        .group_by(table.c.subject_id)
    )
    async with reads.reading() as connection:
        return {
            row.subject_id: EscalationsAbout(row.raised, row.unresolved_id)
            for row in await connection.execute(query)
        }


async def escalation_rows(
    reads: ReadStore, tenant_id: str, escalation_ids: Sequence[str]
) -> list[EscalationRow]:
    table = ESCALATIONS.rows
    found: dict[str, EscalationRow] = {}
    async with reads.reading() as connection:
        for start in range(0, len(escalation_ids), 500):
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id,
                table.c.key.in_(escalation_ids[start : start + 500]),
            )
            for row in await connection.execute(query):
                found[row.key] = ESCALATIONS.decode(row.body)
    return [found[each] for each in escalation_ids if each in found]


def working_time_of(organisation: Organisation, at: datetime) -> WorkingTime:
    return WorkingTime(organisation.calendar(at), organisation.business_hours(at))


def page_as_documents(page: EscalationsPage, working: WorkingTime) -> list[Mapping[str, Any]]:
    """Of each also whether its row lacks an event."""
    return [
        {
            **as_document(row, working),
            "incomplete": row.course.opened.escalation_id in page.incomplete,
        }
        for row in page.rows
    ]


def as_document(row: EscalationRow, working: WorkingTime | None = None) -> Mapping[str, Any]:
    """How an escalation looks from outside; with the working time also what comes next."""
    course, opened = row.course, row.course.opened
    return {
        "escalation_id": opened.escalation_id,
        "signal_id": opened.signal_id,
        "rule": opened.rule,
        "state": row.status,
        "subject_kind": opened.subject_kind,
        "subject_id": opened.subject_id,
        "customer_id": opened.customer_id,
        "stage": opened.stage,
        "unit_id": opened.unit_id,
        "owner_id": opened.owner_id,
        "holder_id": course.holder_id,
        "due_at": opened.due_at,
        "opened_at": opened.opened_at,
        "policy": opened.policy.name,
        "digest": opened.digest,
        "level": course.next_level - 1 if course.next_level else None,
        "last_told_at": course.last_reached_at,
        "told": list(course.told),
        "snoozed_until": row.until,
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_at": row.acknowledged_at,
        "resolved_by": row.by if row.status == "resolved" else None,
        "resolved_at": row.at if row.status == "resolved" else None,
        "reason": row.reason,
        **_what_comes_next(row, working),
    }


def _what_comes_next(row: EscalationRow, working: WorkingTime | None) -> dict[str, Any]:
    if working is None:
        return {}
    planned = planned_step(escalation_of(row), working)
    if isinstance(planned, PlannedStep):
        return {"next_step_at": planned.at, "next_step": planned.why}
    return {"next_step_at": None, "next_step": planned.why}
