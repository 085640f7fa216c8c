"""Every board by its name: what `GET /boards/{name}` and `pulsetrail board NAME` answer."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from services.projections.queries.action_health_board import action_health_board
from services.projections.queries.asking import (
    Asker,
    Question,
    cursor_after,
    cursor_values,
    number_in_cursor,
    refuse_nodes,
)
from services.projections.queries.breakpoint_board import breakpoint_board
from services.projections.queries.data_quality_board import data_quality_board
from services.projections.queries.funnel_board import funnel_board
from services.projections.queries.goals_board import goals_board
from services.projections.queries.golden_action_board import golden_action_board, heat_map_board
from services.projections.queries.instruction_board import instruction_board
from services.projections.queries.process_health_board import process_health_board
from services.projections.queries.revision_board import revision_board
from services.projections.queries.silence_board import silence_board
from services.projections.queries.traffic_light_board import traffic_light_board
from shared.access import Caller
from shared.errors import NotFound
from shared.ports import Ports
from shared.read_store import ReadStore

Board = Callable[[ReadStore, Asker, Question], Awaitable[dict[str, Any]]]

BOARDS: Mapping[str, Board] = {
    "silence": silence_board,
    "process-health": process_health_board,
    "golden-actions": golden_action_board,
    "heat-map": heat_map_board,
    "funnel": funnel_board,
    "breakpoints": breakpoint_board,
    "instructions": instruction_board,
    "action-health": action_health_board,
    "traffic-lights": traffic_light_board,
    "goals": goals_board,
    "revisions": revision_board,
    "data-quality": data_quality_board,
}
_PAGED_BY_ITSELF = frozenset({"silence"})
_AS_THINGS_STAND = frozenset({"silence", "instructions", "revisions"})


async def board(ports: Ports, asker: Asker, name: str, question: Question) -> dict[str, Any]:
    """Raises NotFound for an unknown board or unit, Malformed for a window that is none."""
    if name not in BOARDS:
        raise NotFound(f"there is no board {name!r}; there are {', '.join(sorted(BOARDS))}")
    if name != "funnel":
        refuse_nodes(question, name)
    if name in _AS_THINGS_STAND:
        question = asker.at_end(question)
    answer = await BOARDS[name](ports.read_store, asker, question)
    return answer if name in _PAGED_BY_ITSELF else _page(answer, question)


def _page(answer: dict[str, Any], question: Question) -> dict[str, Any]:
    rows = answer["rows"]
    start = 0
    if question.cursor is not None:
        start = max(0, number_in_cursor(cursor_values(question.cursor, 1)[0]))
    end = len(rows) if question.limit is None else start + question.limit
    cursor = cursor_after(end) if end < len(rows) else None
    return {**answer, "rows": rows[start:end], "next_cursor": cursor}


async def asker_of(ports: Ports, tenant_id: str, caller: Caller | None, now: datetime) -> Asker:
    """`caller` None: the command line on the folder, which sees everything of the tenant."""
    organisation = await ports.organisations.of(tenant_id)
    return Asker(
        tenant_id=tenant_id,
        caller=caller,
        organisation=organisation,
        clock=organisation.clock(now),
    )
