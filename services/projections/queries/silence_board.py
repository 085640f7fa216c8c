"""The silence board (P2): in the order of due times from an index; of the past, from the rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.process_projection import NO_LIMIT
from services.projections.domain.silence import SilenceNow, silence_at, silence_row
from services.projections.queries.asking import (
    Asker,
    Question,
    cursor_after,
    cursor_values,
    number_in_cursor,
)
from services.projections.queries.read_models import PROCESSES
from shared.access import Resource
from shared.clock import milliseconds, moment
from shared.read_store import ReadStore

ROWS = PROCESSES.rows
_SHOWN = [column for column in ROWS.columns if column.name != "body"]


async def silence_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    at = asker.moment(question)
    async with reads.reading() as connection:
        if at < asker.clock:
            return await _past(connection, asker, question, at)
        return await _present(connection, asker, question, at)


async def silent_now(reads: ReadStore, asker: Asker, question: Question) -> int:
    """How many of those that the board shows now are over their limit."""
    over = ROWS.c.silence_due_at < milliseconds(asker.clock)
    counting = select(func.count()).where(*open_in_sight(asker, question), over)
    async with reads.reading() as connection:
        return int((await connection.execute(counting)).scalar_one())


async def _present(
    connection: AsyncConnection, asker: Asker, question: Question, at: datetime
) -> dict[str, Any]:
    wanted = open_in_sight(asker, question)
    total = (await connection.execute(select(func.count()).where(*wanted))).scalar_one()
    page = select(*_SHOWN).where(*wanted).order_by(ROWS.c.silence_due_at, ROWS.c.key)
    if question.cursor is not None:
        due, key = cursor_values(question.cursor, 2)
        due_at = number_in_cursor(due)
        page = page.where(
            or_(
                ROWS.c.silence_due_at > due_at,
                and_(ROWS.c.silence_due_at == due_at, ROWS.c.key > key),
            )
        )
    if question.limit is not None:
        page = page.limit(question.limit + 1)
    found = (await connection.execute(page)).mappings().all()
    return _board(at, total, [_from_columns(dict(row)) for row in found], question.limit)


async def _past(
    connection: AsyncConnection, asker: Asker, question: Question, at: datetime
) -> dict[str, Any]:
    """By all we know today: every row that may have been open then is asked itself."""
    query = select(ROWS.c.body).where(
        ROWS.c.tenant_id == asker.tenant_id,
        ROWS.c.opened_at <= milliseconds(at),
        or_(ROWS.c.status == "open", ROWS.c.closed_at > milliseconds(at)),
    )
    calendar = asker.organisation.calendar(at)
    found = []
    for body in (await connection.execute(query)).scalars():
        silence = silence_at(PROCESSES.decode(body), at, calendar)
        if silence is not None and is_seen(asker, question, silence):
            found.append(silence)
    found.sort(key=lambda each: (_due(each), each.opportunity_id))
    total = len(found)
    if question.cursor is not None:
        due, key = cursor_values(question.cursor, 2)
        after = (number_in_cursor(due), key)
        found = [each for each in found if (_due(each), each.opportunity_id) > after]
    return _board(at, total, found, question.limit)


def _board(
    at: datetime, total: int, found: Sequence[SilenceNow], limit: int | None
) -> dict[str, Any]:
    shown = found if limit is None else found[:limit]
    more = len(found) > len(shown)
    return {
        "as_of": at,
        "total": total,
        "rows": [silence_row(each, at) for each in shown],
        "next_cursor": cursor_after(_due(shown[-1]), shown[-1].opportunity_id) if more else None,
    }


def _due(silence: SilenceNow) -> int:
    return NO_LIMIT if silence.due_at is None else milliseconds(silence.due_at)


def _from_columns(row: Mapping[str, Any]) -> SilenceNow:
    due_at = row["silence_due_at"]
    return SilenceNow(
        opportunity_id=row["key"],
        customer_id=row["customer_id"],
        customer_industry=row["customer_industry"],
        customer_is_key=row["customer_is_key"],
        stage=row["stage"],
        stage_entered_at=moment(row["stage_entered_at"]),
        unit_path=(row["unit_id"],),
        owner_id=row["owner_id"],
        amount=row["amount"],
        currency=row["currency"],
        last_activity_at=moment(row["last_activity_at"]),
        limit_hours=row["limit_hours"],
        due_at=None if due_at == NO_LIMIT else moment(due_at),
    )


def open_in_sight(asker: Asker, question: Question) -> list[ColumnElement[bool]]:
    """Conditions of what is open now, was asked for, and may be seen."""
    return [
        ROWS.c.tenant_id == asker.tenant_id,
        ROWS.c.status == "open",
        *_seen(asker, question),
    ]


def _seen(asker: Asker, question: Question) -> list[ColumnElement[bool]]:
    organisation = asker.organisation
    wanted: list[ColumnElement[bool]] = []
    unit_id = asker.unit(question)
    if unit_id != organisation.root_id:
        wanted.append(ROWS.c.unit_id.in_(sorted(organisation.subtree(unit_id))))
    if question.stage is not None:
        wanted.append(ROWS.c.stage == question.stage)
    if question.rep_id is not None:
        wanted.append(ROWS.c.owner_id == question.rep_id)
    if question.is_key is not None:
        wanted.append(ROWS.c.customer_is_key == question.is_key)
    seen = asker.visibility(Resource.BOARDS)
    if not seen.everything:
        mine = ROWS.c.unit_id.in_(sorted(seen.unit_ids))
        wanted.append(or_(mine, ROWS.c.owner_id == seen.own_person_id))
    return wanted


def is_seen(asker: Asker, question: Question, silence: SilenceNow) -> bool:
    if asker.unit(question) not in silence.unit_path:
        return False
    if question.stage not in (None, silence.stage):
        return False
    if question.rep_id not in (None, silence.owner_id):
        return False
    if question.is_key not in (None, silence.customer_is_key):
        return False
    return asker.visibility(Resource.BOARDS).includes(
        unit_id=silence.unit_path[-1], owner_id=silence.owner_id
    )


async def silence_of(reads: ReadStore, asker: Asker, opportunity_id: str) -> dict[str, Any] | None:
    """The row of one opportunity; None where it is not open, or not in sight."""
    wanted = [*open_in_sight(asker, Question()), ROWS.c.key == opportunity_id]
    async with reads.reading() as connection:
        found = (await connection.execute(select(*_SHOWN).where(*wanted))).mappings().first()
    return None if found is None else silence_row(_from_columns(dict(found)), asker.clock)
