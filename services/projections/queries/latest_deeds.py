"""What broke the silence of opportunities last, what was booked next and what is asked for now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from services.projections.domain.opportunity_course import counted_actions, stage_rules
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.queries.read_models import PROCESSES
from shared.envelope import stream_name
from shared.events.opportunities import ActionCorrected, ActionLogged, FieldValue
from shared.ports import Ports
from shared.read_store import ReadStore

_KEYS_A_QUERY = 500


class LatestDeeds(NamedTuple):
    """`action` is its type, None where nothing but a stage change or the opening broke it.

    `booked_at`: when the next action is due that was booked last and not met since. `last_type`:
    of the last action of all, which the stream has as `last_version`, 0 for none. `asked`: the
    evidence of the golden actions of the present stage, by type.
    """

    action: str | None
    at: datetime
    booked_at: datetime | None
    booked_type: str | None
    last_type: str | None
    last_version: int
    asked: Mapping[str, tuple[str, ...]]


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
        last_type=done[-1].type if done else None,
        last_version=done[-1].version if done else 0,
        asked=_asked(process),
    )


def _asked(process: OpportunityProcess) -> dict[str, tuple[str, ...]]:
    rules = stage_rules(process, process.rules[-1], process.stage)
    return {golden.action: golden.evidence for golden in rules.golden} if rules else {}


async def said_last(
    ports: Ports, tenant_id: str, opportunity_id: str, deeds: LatestDeeds
) -> Mapping[str, FieldValue]:
    """The plain fields of the last action, as they stand corrected; free text is not repeated."""
    stream = stream_name(tenant_id, "opportunity", opportunity_id)
    stored = await ports.event_store.read_stream(stream, after_version=deeds.last_version - 1)
    events = [ports.codec.decode(each).event for each in stored]
    logged = events[0]
    if not isinstance(logged, ActionLogged):
        return {}
    corrections = [
        each.fields
        for each in events
        if isinstance(each, ActionCorrected) and each.action_id == logged.action_id
    ]
    return [logged.fields, *corrections][-1]
