"""Why an opportunity stands on the silence board as it does, or is named in an instruction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.projections.domain.limit_spans import LATEST
from services.projections.domain.opportunity_course import open_times, rules_at, stay_at
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.silence import last_activity
from services.projections.domain.words import say
from services.projections.queries.asking import Asker, Question
from services.projections.queries.counted import LISTED_AT_MOST
from services.projections.queries.instruction_board import instruction_board, instruction_settings
from services.projections.queries.read_models import PROCESSES
from services.projections.queries.silence_board import silence_board
from shared.clock import iso
from shared.errors import NotFound
from shared.ports import Ports
from shared.read_store import ReadStore

_KEYS_A_QUERY = 500


async def why_silence(
    ports: Ports, asker: Asker, figure: str, question: Question
) -> dict[str, Any]:
    """Of `total` what was open; of the other figures how each came about, the worst first."""
    question = asker.at_end(question)
    limit = min(question.limit or LISTED_AT_MOST, LISTED_AT_MOST)
    wanted = None if question.opportunity_id else limit
    board = await silence_board(ports.read_store, asker, replace(question, limit=wanted))
    listed = board["rows"]
    if question.opportunity_id is not None:
        listed = [row for row in listed if row["opportunity_id"] == question.opportunity_id]
        if not listed:
            raise NotFound(f"there is no open opportunity {question.opportunity_id!r}")
    bodies = await _processes(
        ports.read_store, asker.tenant_id, [row["opportunity_id"] for row in listed]
    )
    at, unit_id = board["as_of"], asker.unit(question)
    found = [(row, bodies[row["opportunity_id"]]) for row in listed]
    answer: dict[str, Any] = {"figure": figure, "unit_id": unit_id, "as_of": at}
    if figure == "total":
        totals = {"total": board["total"], "unit": unit_id, "at": iso(at)}
        rows = [_opened(row, process, at) for row, process in found]
        sentences = [say("why.total", question.language, **totals)]
        answer["value"] = board["total"]
    else:
        rows = [_silent(row, process, at) for row, process in found]
        sentences = [_silence_told(row, at, question.language) for row in rows]
        if len(rows) == 1:
            answer["value"] = rows[0][figure]
    event_ids = [event_id for row in rows for event_id in row["event_ids"]]
    return {**answer, "sentences": sentences, "rows": rows, "event_ids": event_ids}


def _opened(row: Mapping[str, Any], process: OpportunityProcess, at: datetime) -> dict[str, Any]:
    """The opening, or the reopening, that it was open by."""
    opened = max(time.opened for time in open_times(process) if time.opened <= (at, LATEST))
    event_ids = [
        stay.event_id for stay in process.stays if (stay.entered_at, stay.version) == opened
    ]
    return {"opportunity_id": row["opportunity_id"], "event_ids": event_ids}


def _silent(row: Mapping[str, Any], process: OpportunityProcess, at: datetime) -> dict[str, Any]:
    _since, event_id = last_activity(process, at)
    rules = rules_at(process, (at, LATEST))
    shown = ("opportunity_id", "stage", "last_activity_at", "limit_hours", "hours_left")
    return {
        **{name: row[name] for name in shown},
        "pipeline": rules.pipeline,
        "pipeline_version": rules.pipeline_version,
        "event_ids": [event_id],
    }


def _silence_told(row: Mapping[str, Any], at: datetime, language: str) -> str:
    words = "why.silent_without_limit" if row["hours_left"] is None else "why.silent_for"
    return say(
        words,
        language,
        opportunity=row["opportunity_id"],
        stage=row["stage"],
        since=iso(row["last_activity_at"]),
        limit_hours=row["limit_hours"],
        hours_left=row["hours_left"],
        at=iso(at),
    )


async def why_instructions(
    ports: Ports, asker: Asker, figure: str, question: Question
) -> dict[str, Any]:
    """Per instruction what it counts, and the event that each one has stood still since."""
    question = asker.at_end(question)
    board = await instruction_board(ports.read_store, asker, question)
    told = board["rows"]
    listed = [one["opportunity_id"] for row in told for one in row["opportunities"]]
    processes = await _processes(ports.read_store, asker.tenant_id, listed)
    at = board["as_of"]
    days = instruction_settings(asker.organisation, at).stuck_days
    rows, sentences = [], []
    for row in told:
        rows.append(_instructed(row, processes, at))
        counted = {name: row[name] for name in ("count", "key_industry", "stage")}
        values = {**counted, "days": days, "at": iso(at)}
        sentences.append(say(f"why.{row['kind']}", question.language, **values))
    answer = {
        "figure": figure,
        "unit_id": asker.unit(question),
        "as_of": at,
        "sentences": sentences,
        "settings": {"instruction_stuck_days": days},
        "rows": rows,
        "event_ids": [
            event_id
            for row in rows
            for each in row["opportunities"]
            for event_id in each["event_ids"]
        ],
    }
    if len(rows) == 1 and figure in rows[0]:
        answer["value"] = rows[0][figure]
    return answer


def _instructed(
    row: Mapping[str, Any], processes: Mapping[str, OpportunityProcess], at: datetime
) -> dict[str, Any]:
    def event_of(opportunity_id: str) -> str:
        process = processes[opportunity_id]
        if row["kind"] == "stuck":
            stay = stay_at(process, (at, LATEST))
            return stay.event_id if stay else ""
        return last_activity(process, at)[1]

    return {
        **{name: row[name] for name in ("kind", "stage", "text", "count", "key_industry")},
        "opportunities": [
            {
                "opportunity_id": one["opportunity_id"],
                "hours_over": one["hours_over"],
                "event_ids": [event_of(one["opportunity_id"])],
            }
            for one in row["opportunities"]
        ],
    }


async def _processes(
    reads: ReadStore, tenant_id: str, opportunity_ids: Sequence[str]
) -> dict[str, OpportunityProcess]:
    rows = PROCESSES.rows
    found: dict[str, OpportunityProcess] = {}
    async with reads.reading() as connection:
        for start in range(0, len(opportunity_ids), _KEYS_A_QUERY):
            query = select(rows.c.key, rows.c.body).where(
                rows.c.tenant_id == tenant_id,
                rows.c.key.in_(opportunity_ids[start : start + _KEYS_A_QUERY]),
            )
            for key, body in await connection.execute(query):
                found[key] = PROCESSES.decode(body)
    return found
