"""Timelines (P1): every event and signal of an opportunity, lead, customer or rep, in order."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from services.projections.domain.timeline import (
    SubjectOfTimeline,
    corrected,
    late_seconds,
    said,
    subjects,
    what_was_there,
)
from services.projections.queries.asking import (
    Asker,
    Question,
    cursor_after,
    cursor_values,
    number_in_cursor,
)
from services.projections.queries.read_models import PROCESSES, SIGNALS
from shared.access import Resource, Role
from shared.envelope import RecordedEvent, StoredEvent, stream_name
from shared.errors import NotFound, PoisonMessage
from shared.event_log_api import shown
from shared.events.leads import (
    LeadAssigned,
    LeadCaptured,
    LeadReleased,
    LeadReturned,
    LeadUnitChanged,
)
from shared.ports import Ports

ROWS = PROCESSES.rows


async def timeline(
    ports: Ports,
    asker: Asker,
    subject: SubjectOfTimeline,
    question: Question,
    *,
    newest_first: bool = False,
) -> dict[str, Any]:
    """Oldest first, unless the newest are asked for. Raises NotFound for a kind or subject that is
    unknown or not to be seen."""
    found = await _in_order(ports, asker, subject, newest_first)
    start = 0
    if question.cursor is not None:
        start = max(0, number_in_cursor(cursor_values(question.cursor, 1)[0]))
    end = len(found) if question.limit is None else start + question.limit
    return {
        "kind": subject.kind,
        "id": subject.subject_id,
        "rows": await _entries(ports, found[start:end], corrected(found)),
        "next_cursor": cursor_after(end) if end < len(found) else None,
    }


async def whole_timeline(
    ports: Ports, asker: Asker, subject: SubjectOfTimeline, at_once: int
) -> AsyncIterator[list[dict[str, Any]]]:
    """All entries, the newest first, so many at once; the streams are read only once.

    Raises as a timeline does.
    """
    found = await _in_order(ports, asker, subject, newest_first=True)
    before = corrected(found)
    for start in range(0, len(found), at_once):
        yield await _entries(ports, found[start : start + at_once], before)


async def _in_order(
    ports: Ports, asker: Asker, subject: SubjectOfTimeline, newest_first: bool
) -> list[RecordedEvent]:
    streams = await _streams(ports, asker, subject)
    found: list[RecordedEvent] = []
    for events in (await ports.event_store.read_streams(streams)).values():
        found += [
            recorded
            for recorded in _decoded(ports, events)
            if subject.kind != "rep" or subject in subjects(recorded)
        ]
    found.sort(key=_order, reverse=newest_first)
    return found


async def _entries(
    ports: Ports, page: Sequence[RecordedEvent], before: Mapping[str, RecordedEvent]
) -> list[dict[str, Any]]:
    entries = await shown(ports.codec, [recorded.stored for recorded in page])
    return [
        {
            **entry,
            "late_seconds": late_seconds(recorded),
            "said": said(recorded.event),
            "corrects": what_was_there(before.get(str(recorded.event_id))),
        }
        for entry, recorded in zip(entries, page, strict=True)
    ]


def _decoded(ports: Ports, events: Iterable[StoredEvent]) -> list[RecordedEvent]:
    """What cannot be decoded any more is in the log and on no timeline."""
    found = []
    for stored in events:
        try:
            found.append(ports.codec.decode(stored))
        except PoisonMessage:
            continue
    return found


def _order(recorded: RecordedEvent) -> tuple[Any, ...]:
    stored = recorded.stored
    return (stored.occurred_at, stored.recorded_at, stored.log, stored.stream, stored.version)


async def _streams(ports: Ports, asker: Asker, subject: SubjectOfTimeline) -> list[str]:
    match subject.kind:
        case "opportunity":
            opportunities = await _opportunities(
                ports, asker, ROWS.c.key == subject.subject_id, subject
            )
            about = SIGNALS.rows.c.subject_id == subject.subject_id
            own: list[str] = []
        case "customer":
            of_customer = ROWS.c.customer_id == subject.subject_id
            opportunities = await _opportunities(ports, asker, of_customer, subject)
            about = and_(
                SIGNALS.rows.c.customer_id == subject.subject_id,
                SIGNALS.rows.c.subject_id.in_(opportunities),
            )
            own = [stream_name(asker.tenant_id, "customer", subject.subject_id)]
        case "rep":
            _require_rep(asker, subject.subject_id)
            of_rep = ROWS.c.reps.contains(f"|{subject.subject_id}|", autoescape=True)
            opportunities = await _opportunities(ports, asker, of_rep, None)
            about = or_(
                SIGNALS.rows.c.owner_id == subject.subject_id,
                SIGNALS.rows.c.subject_id == subject.subject_id,
            )
            own = [stream_name(asker.tenant_id, "person", subject.subject_id)]
        case "lead":
            own = [await _lead_stream(ports, asker, subject.subject_id)]
            opportunities = []
            about = and_(
                SIGNALS.rows.c.subject_kind == subject.kind,
                SIGNALS.rows.c.subject_id == subject.subject_id,
            )
        case _:
            raise NotFound(f"there are no timelines of {subject.kind!r}")
    signals = await _signals(ports, asker, about)
    return [
        *own,
        *(stream_name(asker.tenant_id, "opportunity", key) for key in opportunities),
        *(stream_name(asker.tenant_id, "signal", key) for key in signals),
    ]


async def _opportunities(
    ports: Ports, asker: Asker, condition: ColumnElement[bool], subject: SubjectOfTimeline | None
) -> list[str]:
    """Keys of those in sight. Raises NotFound where the subject needs one and none is (A9)."""
    columns = (ROWS.c.key, ROWS.c.unit_id, ROWS.c.owner_id, ROWS.c.reps, ROWS.c.body)
    query = select(*columns).where(ROWS.c.tenant_id == asker.tenant_id, condition)
    seen = asker.visibility(Resource.TIMELINES)
    async with ports.read_store.reading() as connection:
        found = (await connection.execute(query)).all()
    mine = f"|{seen.own_person_id}|"
    keys = [
        key
        for key, unit_id, owner_id, reps, body in found
        if seen.includes(
            unit_id=unit_id,
            owner_id=owner_id,
            addressed_to=_addressed_to(body) if seen.by_address else frozenset(),
        )
        or (seen.own_person_id is not None and mine in reps)
    ]
    of_customer = subject is not None and subject.kind == "customer"
    is_known = of_customer and asker.visibility(Resource.CUSTOMERS).everything
    if not keys and subject is not None and not is_known:
        raise NotFound(f"there is no {subject.kind} {subject.subject_id!r}")
    return keys


async def _lead_stream(ports: Ports, asker: Asker, lead_id: str) -> str:
    """Of a lead that is in sight by whose it is now. Raises NotFound (A9)."""
    stream = stream_name(asker.tenant_id, "lead", lead_id)
    unit_id: str | None = None
    owner_id: str | None = None
    for recorded in _decoded(ports, await ports.event_store.read_stream(stream)):
        match recorded.event:
            case LeadCaptured() | LeadUnitChanged() as placed:
                unit_id = placed.unit_id
            case LeadAssigned() as assigned:
                unit_id, owner_id = assigned.unit_id, assigned.owner_id
            case LeadReturned() | LeadReleased():
                owner_id = None
            case _:
                pass
    owners = asker.organisation.unit_of(owner_id) if owner_id else None
    seen = asker.visibility(Resource.LEADS)
    if unit_id is None or not seen.includes(unit_id=owners or unit_id, owner_id=owner_id):
        raise NotFound(f"there is no lead {lead_id!r}")
    return stream


def _addressed_to(body: bytes) -> frozenset[Role]:
    """Legal, finance … see the opportunities of the approvals that name them (A9)."""
    named = {role for course in PROCESSES.decode(body).approvals for role in course.roles}
    return frozenset(role for role in Role if role in named)


def _require_rep(asker: Asker, rep_id: str) -> None:
    seen = asker.visibility(Resource.TIMELINES)
    unit_id = asker.organisation.unit_of(rep_id)
    is_unseen = not seen.includes(unit_id=unit_id, owner_id=rep_id)
    if is_unseen or not asker.organisation.knows_person(rep_id):
        raise NotFound(f"there is nobody {rep_id!r}")


async def _signals(ports: Ports, asker: Asker, about: ColumnElement[bool]) -> list[str]:
    rows = SIGNALS.rows
    query = select(rows.c.key).where(rows.c.tenant_id == asker.tenant_id, about)
    async with ports.read_store.reading() as connection:
        return list((await connection.execute(query)).scalars())
