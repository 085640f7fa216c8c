"""What to do now (P11): from what is stuck or silent in the caller's sight."""

from collections import defaultdict
from dataclasses import replace
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
from services.projections.queries.silence_board import open_in_sight, silence_board
from services.projections.queries.stage_titles import stage_titles
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.read_store import ReadStore

_AN_HOUR = 3_600_000


Groups = dict[tuple[str, str], list[TroubledOpportunity]]
"""By kind (stuck or silent) and stage."""


async def instruction_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """As things are at the clock, or were at a past moment."""
    at = asker.moment(question)
    settings = instruction_settings(asker.organisation, at)
    if at < asker.clock:
        groups = await _past(reads, asker, question, settings)
    else:
        groups = await _present(reads, asker, question, settings)
    titles = await stage_titles(reads, asker.tenant_id, question.language)
    told = instructions(
        [Group(kind, stage, found) for (kind, stage), found in groups.items()],
        at,
        asker.organisation.calendar(at),
        Reader(question.language, _names(asker.organisation) | titles),
        settings,
    )
    return {"as_of": at, "rows": told}


async def _present(
    reads: ReadStore, asker: Asker, question: Question, settings: InstructionSettings
) -> Groups:
    rows, at = PROCESSES.rows, milliseconds(asker.clock)
    entered_before = milliseconds(asker.clock - timedelta(days=settings.stuck_days))
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
    groups: Groups = defaultdict(list)
    async with reads.reading() as connection:
        for key, customer_id, owner_id, is_key, stage, entered_at, due_at in (
            await connection.execute(query)
        ).all():
            kind = "stuck" if entered_at < entered_before else "silent"
            over = entered_before - entered_at if kind == "stuck" else at - due_at
            groups[kind, stage].append(
                TroubledOpportunity(key, customer_id, owner_id, is_key, over / _AN_HOUR)
            )
    return groups


async def _past(
    reads: ReadStore, asker: Asker, question: Question, settings: InstructionSettings
) -> Groups:
    """From what the silence board showed."""
    board = await silence_board(reads, asker, replace(question, limit=None, cursor=None))
    groups: Groups = defaultdict(list)
    for row in board["rows"]:
        hours_stuck = (board["as_of"] - row["stage_entered_at"]) / timedelta(hours=1)
        over = hours_stuck - settings.stuck_days * 24
        kind = "stuck"
        if over <= 0:
            kind, over = "silent", -(row["hours_left"] or 0)
        if over > 0:
            groups[kind, row["stage"]].append(
                TroubledOpportunity(
                    row["opportunity_id"],
                    row["customer_id"],
                    row["owner_id"],
                    row["customer_is_key"],
                    over,
                )
            )
    return groups


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
