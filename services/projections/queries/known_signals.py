"""What the watch has raised about opportunities, as the signals' own log has it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.deadlines import RULES
from services.projections.domain.signal import SIGNAL, Raised, Resolved
from services.projections.domain.watching import KnownSignal
from services.projections.queries.read_models import SIGNALS
from shared.envelope import stream_name
from shared.ports import Ports

_SUBJECTS_A_QUERY = 500

Known = dict[str, dict[str, KnownSignal]]
"""Signals that are not retracted, by subject and then by their ids."""


async def known_signals(
    connection: AsyncConnection, tenant_id: str, opportunity_ids: Sequence[str]
) -> Known:
    """Of the opportunities named; complete where the list of signals stands at the head."""
    rows = SIGNALS.rows
    found: Known = {each: {} for each in opportunity_ids}
    for start in range(0, len(opportunity_ids), _SUBJECTS_A_QUERY):
        query = select(rows.c.body).where(
            rows.c.tenant_id == tenant_id,
            rows.c.subject_id.in_(opportunity_ids[start : start + _SUBJECTS_A_QUERY]),
            rows.c.subject_kind == "opportunity",
            rows.c.state != "retracted",
        )
        for body in (await connection.execute(query)).scalars():
            row = SIGNALS.decode(body)
            if row.rule in RULES:
                found[row.subject_id][row.signal_id] = KnownSignal(
                    signal_id=row.signal_id,
                    due_at=row.due_at,
                    state="raised" if row.state == "open" else row.state,
                    ended_at=row.ended_at,
                )
    return found


async def as_logged(ports: Ports, tenant_id: str, known: Known) -> Known:
    """The same signals as their streams have them, those retracted left out: the list that named
    them may lag behind what the watch has written since."""
    streams = {
        signal_id: stream_name(tenant_id, SIGNAL.name, signal_id)
        for of_one in known.values()
        for signal_id in of_one
    }
    if not streams:
        return known
    stored = await ports.event_store.read_streams(streams.values())
    decode = ports.codec.decode
    logged: dict[str, KnownSignal] = {}
    for signal_id, stream in streams.items():
        signal = SIGNAL.fold(decode(each).event for each in stored[stream])
        match signal:
            case Raised():
                logged[signal_id] = KnownSignal(
                    signal_id=signal_id, due_at=signal.due_at, state="raised"
                )
            case Resolved():
                logged[signal_id] = KnownSignal(
                    signal_id=signal_id,
                    due_at=signal.due_at,
                    state="resolved",
                    ended_at=signal.ended_at,
                )
    return {
        subject: {each: logged[each] for each in of_one if each in logged}
        for subject, of_one in known.items()
    }
