"""What broke the silence of opportunities last, and what was booked next."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.queries.read_models import PROCESSES
from shared.read_store import ReadStore

_KEYS_A_QUERY = 500


class LatestDeeds(NamedTuple):
    """`action` is its type, None where nothing but a stage change or the opening broke it.

    `booked_at`: when the next action is due that was booked last and not met since.
    """

    action: str | None
    at: datetime
    booked_at: datetime | None
    booked_type: str | None


async def latest_deeds(
    reads: ReadStore, tenant_id: str, opportunity_ids: Sequence[str], at: datetime
) -> dict[str, LatestDeeds]:
    rows = PROCESSES.rows
    found: dict[str, LatestDeeds] = {}
    async with reads.reading() as connection:
        for start in range(0, len(opportunity_ids), _KEYS_A_QUERY):
            query = select(rows.c.key, rows.c.body).where(
                rows.c.tenant_id == tenant_id,
                rows.c.key.in_(opportunity_ids[start : start + _KEYS_A_QUERY]),
            )
            for key, body in await connection.execute(query):
                found[key] = _deeds(PROCESSES.decode(body), at)
    return found


def _deeds(process: OpportunityProcess, at: datetime) -> LatestDeeds:
    done = [each for each in counted_actions(process) if each.at <= at]
    heard = [each for each in done if each.ends_silence]
    entered = process.stays[-1].entered_at
    booked = [each for each in done if each.next_due_at is not None]
    booking = booked[-1] if booked else None
    is_met = booking is not None and any(
        each.order > booking.order and booking.next_type in (None, each.type) for each in done
    )
    return LatestDeeds(
        action=heard[-1].type if heard and heard[-1].at >= entered else None,
        at=max(entered, heard[-1].at) if heard else entered,
        booked_at=None if booking is None or is_met else booking.next_due_at,
        booked_type=None if booking is None or is_met else booking.next_type,
    )
