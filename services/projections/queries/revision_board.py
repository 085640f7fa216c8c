"""The warning board of revisions: proposals revised often, with few questions asked (P13)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from services.projections.domain.behaviour_deadlines import revised
from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.silence import silence_at
from services.projections.queries.asking import Asker, Question
from services.projections.queries.read_models import PROCESSES
from services.projections.queries.silence_board import ROWS, is_seen
from shared.clock import milliseconds
from shared.read_store import ReadStore

CONVERSATIONS_REST_ON = "S3"


async def revision_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Open opportunities, the most revised first. What conversations say (S3) is not counted yet:
    questions are those of the actions' own field."""
    at = asker.moment(question)
    number = asker.organisation.number_setting
    above = int(number("revisions_warning_above", at))
    below = int(number("revisions_questions_below", at))
    query = select(ROWS.c.body).where(
        ROWS.c.tenant_id == asker.tenant_id,
        ROWS.c.revisions > above,
        ROWS.c.opened_at <= milliseconds(at),
        or_(ROWS.c.status == "open", ROWS.c.closed_at > milliseconds(at)),
    )
    async with reads.reading() as connection:
        bodies = list((await connection.execute(query)).scalars())
    found = await asyncio.to_thread(_rows, bodies, asker, question, at)
    rows = [row for row in found if row["revisions"] > above and row["customer_questions"] < below]
    rows.sort(key=lambda row: (-row["revisions"], row["opportunity_id"]))
    return {
        "as_of": at,
        "rows": rows,
        "settings": {"revisions_warning_above": above, "revisions_questions_below": below},
        "absent": [CONVERSATIONS_REST_ON],
    }


def _rows(
    bodies: list[bytes], asker: Asker, question: Question, at: datetime
) -> list[dict[str, Any]]:
    found = []
    for body in bodies:
        process = PROCESSES.decode(body)
        stands = silence_at(process, at, asker.organisation.calendar(at))
        if stands is not None and is_seen(asker, question, stands):
            found.append({**_row(process, at), **_whose(stands)})
    return found


def _row(process: OpportunityProcess, at: datetime) -> dict[str, Any]:
    counted = revised(counted_actions(process), at)
    events = [each.event_id for each in (*counted.revisions, *counted.asking)]
    return {
        "opportunity_id": process.opportunity_id,
        "customer_id": process.customer_id,
        "revisions": len(counted.revisions),
        "customer_questions": counted.questions,
        "last_revised_at": counted.revisions[-1].at if counted.revisions else None,
        "event_ids": events,
    }


def _whose(stands: Any) -> Mapping[str, Any]:
    return {
        "stage": stands.stage,
        "unit_id": stands.unit_path[-1],
        "owner_id": stands.owner_id,
        "amount": stands.amount,
        "currency": stands.currency,
    }
