"""How many open opportunities each rep has: silent over the limit, due today, fine (P11)."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select

from services.projections.queries.asking import Asker, Question
from services.projections.queries.read_models import PROCESSES
from services.projections.queries.silence_board import open_in_sight
from shared.clock import milliseconds
from shared.read_store import ReadStore


class RepStrip(NamedTuple):
    owner_id: str | None
    silent: int
    due_today: int
    fine: int

    @property
    def total(self) -> int:
        return self.silent + self.due_today + self.fine


async def team_strip(
    reads: ReadStore, asker: Asker, question: Question, limit: int
) -> list[RepStrip]:
    """The reps with the most silent opportunities first."""
    rows = PROCESSES.rows
    now, ends = milliseconds(asker.clock), milliseconds(_end_of_day(asker))
    is_silent = rows.c.silence_due_at < now
    silent = func.sum(case((is_silent, 1), else_=0))
    due_today = func.sum(case((is_silent, 0), (rows.c.silence_due_at < ends, 1), else_=0))
    query = (
        select(rows.c.owner_id, silent, due_today, func.count())
        .where(*open_in_sight(asker, question))
        .group_by(rows.c.owner_id)
        .order_by(silent.desc(), due_today.desc(), rows.c.owner_id)
        .limit(limit)
    )
    async with reads.reading() as connection:
        found = (await connection.execute(query)).all()
    return [
        RepStrip(owner_id, int(over), int(soon), int(total) - int(over) - int(soon))
        for owner_id, over, soon, total in found
    ]


def _end_of_day(asker: Asker) -> datetime:
    zone = ZoneInfo(asker.organisation.zone(asker.clock))
    tomorrow = asker.clock.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)
