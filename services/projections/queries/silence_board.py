"""The silence board (P2): in the order of due times from an index; of the past, from the rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, or_, select, tuple_
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
_BY_DUE, _BY_STAGE = ("silence_due_at", "key"), ("stage", "silence_due_at", "key")
_ORDERS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "": (_BY_DUE, False),
    "-left": (_BY_DUE, True),
    "stage": (_BY_STAGE, False),
    "-stage": (_BY_STAGE, True),
}
"""The columns by which a page may be ordered, and whether downwards: all of them stand in the index
that holds the filters."""
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
    columns, is_down = _ORDERS[question.order]
    ordered = [ROWS.c[name].desc() if is_down else ROWS.c[name] for name in columns]
    page = select(*_SHOWN).where(*wanted).order_by(*ordered)
    if question.cursor is not None:
        place, after = tuple_(*(ROWS.c[name] for name in columns)), tuple_(*_after(question))
        page = page.where(place < after if is_down else place > after)
    if question.limit is not None:
        page = page.limit(question.limit + 1)
    found = (await connection.execute(page)).mappings().all()
    incomplete = {row["key"] for row in found if row["incomplete"]}
    return _board(at, total, [_from_columns(row) for row in found], question, incomplete)


async def _past(
    connection: AsyncConnection, asker: Asker, question: Question, at: datetime
) -> dict[str, Any]:
    """By all we know today: every row that may have been open then is asked itself."""
    query = select(ROWS.c.body, ROWS.c.incomplete).where(
        ROWS.c.tenant_id == asker.tenant_id,
        ROWS.c.opened_at <= milliseconds(at),
        or_(ROWS.c.status == "open", ROWS.c.closed_at > milliseconds(at)),
    )
    calendar = asker.organisation.calendar(at)
    found, incomplete = [], set()
    for body, is_incomplete in await connection.execute(query):
        silence = silence_at(PROCESSES.decode(body), at, calendar)
        if silence is not None and is_seen(asker, question, silence):
            found.append(silence)
            if is_incomplete:
                incomplete.add(silence.opportunity_id)
    columns, is_down = _ORDERS[question.order]
    found.sort(key=lambda each: _place(each, columns), reverse=is_down)
    total = len(found)
    if question.cursor is not None:
        after = _after(question)
        found = [
            each
            for each in found
            if (_place(each, columns) < after if is_down else _place(each, columns) > after)
        ]
    return _board(at, total, found, question, incomplete)


def _board(
    at: datetime,
    total: int,
    found: Sequence[SilenceNow],
    question: Question,
    incomplete: Collection[str],
) -> dict[str, Any]:
    """`incomplete`: those whose row lacks an event that was parked."""
    shown = found if question.limit is None else found[: question.limit]
    more = len(found) > len(shown)
    columns, _is_down = _ORDERS[question.order]
    return {
        "as_of": at,
        "total": total,
        "rows": [
            {**silence_row(each, at), "incomplete": each.opportunity_id in incomplete}
            for each in shown
        ],
        "next_cursor": cursor_after(*_place(shown[-1], columns)) if more else None,
    }


def _place(silence: SilenceNow, columns: Sequence[str]) -> tuple[str | int, ...]:
    """Where it stands in a list ordered by these columns."""
    due_at = NO_LIMIT if silence.due_at is None else milliseconds(silence.due_at)
    values: dict[str, str | int] = {
        "silence_due_at": due_at,
        "stage": silence.stage,
        "key": silence.opportunity_id,
    }
    return tuple(values[name] for name in columns)


def _after(question: Question) -> tuple[str | int, ...]:
    """The place that its cursor names. Raises Malformed."""
    columns, _is_down = _ORDERS[question.order]
    values = cursor_values(question.cursor or "", len(columns))
    return tuple(
        number_in_cursor(value) if name == "silence_due_at" else value
        for name, value in zip(columns, values, strict=True)
    )


def _from_columns(row: RowMapping) -> SilenceNow:
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
    if found is None:
        return None
    return {
        **silence_row(_from_columns(found), asker.clock),
        "incomplete": found["incomplete"],
    }
