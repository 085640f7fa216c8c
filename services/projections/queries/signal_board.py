"""Signals as interfaces.md lists them, with the state that their escalations add."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from services.projections.domain.signal_list import SignalRow
from services.projections.queries.asking import (
    Asker,
    Question,
    cursor_after,
    cursor_values,
    number_in_cursor,
)
from services.projections.queries.read_models import ESCALATED, SIGNALS
from shared.access import Resource, Verb, Visibility, may
from shared.clock import milliseconds
from shared.read_store import ReadStore

ROWS = SIGNALS.rows
STATES = ("open", "acknowledged", "resolved", "retracted")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """`state` None: every one but retracted."""

    rule: str | None = None
    state: str | None = None
    subject_id: str | None = None


async def signal_board(
    reads: ReadStore, asker: Asker, question: Question, wanted: SignalFilter
) -> dict[str, Any]:
    """In the order of due times."""
    acknowledged = _is_acknowledged().label("is_acknowledged")
    query = (
        select(ROWS.c.body, acknowledged, ROWS.c.incomplete)
        .where(*_conditions(asker, question, wanted))
        .order_by(ROWS.c.due_at, ROWS.c.key)
    )
    if question.cursor is not None:
        due, key = cursor_values(question.cursor, 2)
        due_at = number_in_cursor(due)
        query = query.where(
            or_(ROWS.c.due_at > due_at, and_(ROWS.c.due_at == due_at, ROWS.c.key > key))
        )
    if question.limit is not None:
        query = query.limit(question.limit + 1)
    async with reads.reading() as connection:
        found = [
            (SIGNALS.decode(body), bool(taken), bool(lacks))
            for body, taken, lacks in await connection.execute(query)
        ]
    shown = found if question.limit is None else found[: question.limit]
    cursor = None
    if len(found) > len(shown):
        last = shown[-1][0]
        cursor = cursor_after(milliseconds(last.due_at), last.signal_id)
    rows = [{**shown_signal(row, taken), "incomplete": lacks} for row, taken, lacks in shown]
    return {"rows": rows, "next_cursor": cursor}


def shown_signal(row: SignalRow, is_acknowledged: bool) -> dict[str, Any]:
    state = "acknowledged" if is_acknowledged and row.state == "open" else row.state
    return {
        "signal_id": row.signal_id,
        "rule": row.rule,
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "customer_id": row.customer_id,
        "stage": row.stage,
        "unit_id": row.unit_id,
        "owner_id": row.owner_id,
        "due_at": row.due_at,
        "raised_at": row.raised_at,
        "anchor_event_id": row.anchor_event_id,
        "window": row.window,
        "historical": row.historical,
        "state": state,
        "ended_at": row.ended_at,
        "facts": row.facts,
    }


async def one_signal(reads: ReadStore, asker: Asker, signal_id: str) -> SignalRow | None:
    """None where there is none that the asker may see."""
    query = select(ROWS.c.body).where(
        ROWS.c.tenant_id == asker.tenant_id, ROWS.c.key == signal_id, *_in_sight(asker)
    )
    async with reads.reading() as connection:
        body = (await connection.execute(query)).scalar_one_or_none()
    return None if body is None else SIGNALS.decode(body)


async def signal_of_escalation(reads: ReadStore, asker: Asker, escalation_id: str) -> str | None:
    rows = ESCALATED.rows
    query = select(rows.c.signal_id).where(
        rows.c.tenant_id == asker.tenant_id, rows.c.key == escalation_id
    )
    async with reads.reading() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def escalations_of_signal(reads: ReadStore, asker: Asker, signal_id: str) -> list[str]:
    """None for who may not see escalations."""
    if asker.caller is not None and not may(asker.caller, Resource.ESCALATIONS, Verb.READ):
        return []
    rows = ESCALATED.rows
    query = select(rows.c.key).where(
        rows.c.tenant_id == asker.tenant_id, rows.c.signal_id == signal_id
    )
    async with reads.reading() as connection:
        return list((await connection.execute(query.order_by(rows.c.key))).scalars())


async def signals_about(
    reads: ReadStore, asker: Asker, condition: ColumnElement[bool]
) -> list[SignalRow]:
    query = select(ROWS.c.body).where(
        ROWS.c.tenant_id == asker.tenant_id, condition, *_in_sight(asker)
    )
    async with reads.reading() as connection:
        return [SIGNALS.decode(body) for body in (await connection.execute(query)).scalars()]


def _conditions(
    asker: Asker, question: Question, wanted: SignalFilter
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [ROWS.c.tenant_id == asker.tenant_id, *_in_sight(asker)]
    match wanted.state:
        case None:
            conditions.append(ROWS.c.state != "retracted")
        case "acknowledged":
            conditions += [ROWS.c.state == "open", _is_acknowledged()]
        case "open":
            conditions += [ROWS.c.state == "open", ~_is_acknowledged()]
        case state:
            conditions.append(ROWS.c.state == state)
    if wanted.rule is not None:
        conditions.append(ROWS.c.rule == wanted.rule)
    if wanted.subject_id is not None:
        conditions.append(ROWS.c.subject_id == wanted.subject_id)
    if question.unit_id is not None:
        subtree = asker.organisation.subtree(asker.unit(question))
        conditions.append(ROWS.c.unit_id.in_(sorted(subtree)))
    if question.rep_id is not None:
        conditions.append(ROWS.c.owner_id == question.rep_id)
    return conditions


def _is_acknowledged() -> ColumnElement[bool]:
    rows = ESCALATED.rows
    return exists().where(
        rows.c.tenant_id == ROWS.c.tenant_id,
        rows.c.signal_id == ROWS.c.key,
        rows.c.is_acknowledged,
    )


def _in_sight(asker: Asker) -> list[ColumnElement[bool]]:
    seen: Visibility = asker.visibility(Resource.SIGNALS)
    if seen.everything:
        return []
    mine = ROWS.c.unit_id.in_(sorted(seen.unit_ids))
    return [or_(mine, ROWS.c.owner_id == seen.own_person_id)]
