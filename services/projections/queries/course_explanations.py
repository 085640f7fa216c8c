"""Why the funnel and the breakpoints show what they show, down to opportunities and events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.projections.domain.breakpoints import Delay
from services.projections.domain.funnel import Mark, Node, Passage
from services.projections.domain.process_health import Scope
from services.projections.domain.words import say
from services.projections.queries.asking import Asker, Question
from services.projections.queries.breakpoint_board import (
    index_uses,
    longest_delays,
    month_or_week,
    stages_over,
)
from services.projections.queries.counted import LISTED_AT_MOST
from services.projections.queries.funnel_board import step_figures, what_is_asked
from services.projections.queries.funnel_courses import (
    OUTCOMES,
    Behind,
    Cell,
    count_funnel,
    passages_in_sight,
)
from shared.errors import NotFound
from shared.ports import Ports


async def why_funnel(ports: Ports, asker: Asker, figure: str, question: Question) -> dict[str, Any]:
    """From end to end and step by step: who of those now in sight reached the next, waits, or
    dropped out, with the events that say so."""
    rows = await _parts(ports, asker, question, OUTCOMES)
    return {
        "figure": figure,
        "unit_id": asker.unit(question),
        "rep_id": asker.only_rep(question),
        "value": rows[0][figure],
        "sentences": [sentence for row in rows for sentence in row["sentences"]],
        "rows": rows,
        "event_ids": _each_once(row["behind"] for row in rows),
    }


async def funnel_part(
    ports: Ports, asker: Asker, question: Question, step: int, how: str
) -> dict[str, Any]:
    """A step (0: the whole way) as `why_funnel` tells it, with one of its outcomes.

    Raises NotFound for a step that the funnel does not have.
    """
    found = await _parts(ports, asker, question, (how,), step)
    if not found:
        raise NotFound(f"the funnel has no step {step}")
    return found[0]


async def funnel_behind(
    ports: Ports, asker: Asker, question: Question, step: int, how: str
) -> AsyncIterator[list[str]]:
    """Everybody of one outcome of a step who is in sight, by id, some at once.

    Raises NotFound for a step that the funnel does not have.
    """
    reads = ports.read_store
    asked = await what_is_asked(reads, asker, question)
    counted = await count_funnel(reads, asker, question, asked, (), with_keys=True)
    behind = await asyncio.to_thread(counted.behind, Cell(_scope(asker, question)), None, (how,))
    if step >= len(behind):
        raise NotFound(f"the funnel has no step {step}")
    keys = behind[step].listed[how]
    for start in range(0, len(keys), LISTED_AT_MOST):
        some = keys[start : start + LISTED_AT_MOST]
        async with reads.reading() as connection:
            known = await passages_in_sight(connection, asker, question, asked, set(some))
        yield [each for each in some if each in known]


def _scope(asker: Asker, question: Question) -> Scope:
    return Scope(asker.unit(question), asker.only_rep(question) or "")


async def _parts(
    ports: Ports,
    asker: Asker,
    question: Question,
    outcomes: Sequence[str],
    step: int | None = None,
) -> list[dict[str, Any]]:
    """The whole way and, where that is not the same, each step; or only the one."""
    reads = ports.read_store
    asked = await what_is_asked(reads, asker, question)
    counted = await count_funnel(reads, asker, question, asked, (), with_keys=True)
    cell = Cell(_scope(asker, question))
    behind = await asyncio.to_thread(counted.behind, cell, LISTED_AT_MOST, outcomes)
    ends = (asked.nodes[0], asked.nodes[-1])
    between = zip(asked.nodes, asked.nodes[1:], strict=False)
    parts = list(zip([ends, *between], behind, strict=True))
    if step is not None:
        parts = parts[step : step + 1]
    elif len(asked.nodes) == 2:
        parts = parts[:1]
    listed = {key for _, part in parts for keys in part.listed.values() for key in keys}
    async with reads.reading() as connection:
        known = await passages_in_sight(connection, asker, question, asked, listed)
    return [_part(nodes, part, known, question.language) for nodes, part in parts]


def _part(
    nodes: tuple[Node, Node], part: Behind, known: dict[str, Passage], language: str
) -> dict[str, Any]:
    named = {"from": nodes[0].name, "to": nodes[1].name}
    figures = step_figures(part.step)
    words = "why.funnel_nothing" if part.step.entered == 0 else "why.funnel"
    values = {"first": named["from"], "last": named["to"], **figures}
    return {
        **named,
        **figures,
        "sentences": [say(words, language, **values)],
        "behind": {
            how: [
                {
                    "opportunity_id": each,
                    "event_ids": [mark.event_id for mark in _marks(known[each])],
                }
                for each in who
                if each in known
            ]
            for how, who in part.listed.items()
        },
    }


def _marks(found: Passage) -> Sequence[Mark]:
    if found.arrived is None or found.arrived in found.marks:
        return found.marks
    return (*found.marks, found.arrived)


async def why_breakpoints(
    ports: Ports, asker: Asker, figure: str, question: Question
) -> dict[str, Any]:
    """Of every stage shown, or of the one named: its hours, and the events that limits ran from."""
    window = month_or_week(asker, question)
    async with ports.read_store.reading() as connection:
        stages = await stages_over(connection, asker, question)
        shown = [each for each in stages if question.stage in (None, each.stage)]
        delays = [await longest_delays(connection, asker, question, each) for each in shown]
    uses = index_uses(asker, question)
    rows: list[dict[str, Any]] = [
        {
            "stage": stage,
            "hours_over": hours,
            "sentences": [
                say(
                    f"why.breakpoint_{uses}",
                    question.language,
                    stage=stage,
                    hours=hours,
                    window=window.name,
                    number=len(found),
                )
            ],
            "behind": {"delayed": [_delayed(each) for each in found]},
        }
        for (stage, hours), found in zip(shown, delays, strict=True)
    ]
    answer: dict[str, Any] = {
        "figure": figure,
        "unit_id": asker.unit(question),
        "rep_id": asker.only_rep(question),
        "window": window.name,
        "index_uses": uses,
        "sentences": [sentence for row in rows for sentence in row["sentences"]]
        or [say("why.breakpoint_none", question.language, window=window.name)],
        "rows": rows,
        "event_ids": _each_once(row["behind"] for row in rows),
    }
    if len(rows) == 1 and figure == "hours_over":
        answer["value"] = rows[0]["hours_over"]
    return answer


def _delayed(delay: Delay) -> dict[str, Any]:
    return {
        "opportunity_id": delay.opportunity_id,
        "delay_hours": delay.delay_hours,
        "event_ids": list(delay.event_ids),
    }


def _each_once(behind: Any) -> list[str]:
    found = (each for part in behind for listed in part.values() for each in listed)
    return list(dict.fromkeys(event_id for each in found for event_id in each["event_ids"]))
