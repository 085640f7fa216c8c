"""Why the funnel and the breakpoints show what they show, down to opportunities and events."""

from collections.abc import Sequence
from typing import Any

from services.projections.domain.breakpoints import Delay
from services.projections.domain.funnel import Node, Passage, Step, steps, whole
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
from services.projections.queries.funnel_board import Cell, passages, step_figures, what_is_asked
from shared.ports import Ports


async def why_funnel(ports: Ports, asker: Asker, figure: str, question: Question) -> dict[str, Any]:
    """From end to end and step by step: who of those now in sight reached the next, waits, or
    dropped out, with the events that say so."""
    reads, at = ports.read_store, asker.moment(question)
    asked = await what_is_asked(reads, asker, question)
    scope = Scope(asker.unit(question), asker.only_rep(question) or "")
    cell = Cell(scope, None)
    counted = (await passages(reads, asker, question, asked)).get(cell, ())
    in_sight = asked._replace(in_sight_only=True)
    seen = (await passages(reads, asker, question, in_sight)).get(cell, ())
    known = {each.opportunity_id: each for each in seen}
    overall = whole(counted, at)
    ends = (asked.nodes[0], asked.nodes[-1])
    parts = [(ends, overall)]
    if len(asked.nodes) > 2:
        between = zip(asked.nodes, asked.nodes[1:], strict=False)
        parts += zip(between, steps(counted, asked.nodes, at), strict=True)
    rows = [_part(nodes, step, known, question.language) for nodes, step in parts]
    value = step_figures(overall)[figure]
    return {
        "figure": figure,
        "unit_id": scope.unit_id,
        "rep_id": scope.rep_id or None,
        "value": value,
        "sentences": [sentence for row in rows for sentence in row["sentences"]],
        "rows": rows,
        "event_ids": _each_once(row["behind"] for row in rows),
    }


def _part(
    nodes: tuple[Node, Node], step: Step, known: dict[str, Passage], language: str
) -> dict[str, Any]:
    named = {"from": nodes[0].name, "to": nodes[1].name}
    figures = step_figures(step)
    words = "why.funnel_nothing" if step.entered == 0 else "why.funnel"
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
                for each in who[:LISTED_AT_MOST]
                if each in known
            ]
            for how, who in (
                ("reached", step.reached),
                ("pending", step.pending),
                ("dropped", step.dropped),
            )
        },
    }


def _marks(found: Passage) -> Sequence[Any]:
    arrived = found.arrived
    is_told = arrived is None or arrived in found.marks
    return found.marks if is_told else (*found.marks, arrived)


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
