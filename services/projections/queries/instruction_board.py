"""What to do now (P11): from what is stuck or silent in the caller's sight."""

from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import or_, select

from services.projections.domain.instructions import (
    Group,
    InstructionSettings,
    Reader,
    TroubledOpportunity,
    instructions,
)
from services.projections.queries.asking import Asker, Question
from services.projections.queries.read_models import PROCESSES
from services.projections.queries.silence_board import open_in_sight
from services.projections.queries.stage_titles import stage_titles
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.read_store import ReadStore

_AN_HOUR = 3_600_000


async def instruction_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """As things are at the clock; there are no instructions for the past."""
    rows, now = PROCESSES.rows, asker.clock
    settings = instruction_settings(asker.organisation, now)
    at = milliseconds(now)
    entered_before = milliseconds(now - timedelta(days=settings.stuck_days))
    query = select(
        rows.c.key,
        rows.c.customer_id,
        rows.c.owner_id,
        rows.c.customer_is_key,
        rows.c.stage,
        rows.c.stage_entered_at,
        rows.c.silence_due_at,
    ).where(
        *open_in_sight(asker, question),
        or_(rows.c.stage_entered_at < entered_before, rows.c.silence_due_at < at),
    )
    groups: dict[tuple[str, str], list[TroubledOpportunity]] = defaultdict(list)
    async with reads.reading() as connection:
        for key, customer_id, owner_id, is_key, stage, entered_at, due_at in (
            await connection.execute(query)
        ).all():
            kind = "stuck" if entered_at < entered_before else "silent"
            over = entered_before - entered_at if kind == "stuck" else at - due_at
            groups[kind, stage].append(
                TroubledOpportunity(key, customer_id, owner_id, is_key, over / _AN_HOUR)
            )
    titles = await stage_titles(reads, asker.tenant_id, question.language)
    told = instructions(
        [Group(kind, stage, found) for (kind, stage), found in groups.items()],
        now,
        asker.organisation.calendar(now),
        Reader(question.language, _names(asker.organisation) | titles),
        settings,
    )
    return {"as_of": now, "rows": told}


def instruction_settings(organisation: Organisation, at: datetime) -> InstructionSettings:
    def of_day(name: str) -> time:
        return time.fromisoformat(str(organisation.setting(name, at)))

    return InstructionSettings(
        stuck_days=int(organisation.number_setting("instruction_stuck_days", at)),
        before=of_day("instruction_before"),
        turns_at=of_day("instruction_turns_at"),
        next_day=of_day("instruction_next_day"),
    )


def _names(organisation: Organisation) -> dict[str, str]:
    """Names of people that are not erased; an id is shown where there is none."""
    return {
        person_id: person.name
        for person_id, person in organisation.people.items()
        if isinstance(person.name, str)
    }
