"""Why a figure of a board is what it is, down to the opportunities and events behind it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from services.projections.domain.golden_actions import GoldenCount, GoldenKey
from services.projections.domain.process_health import Scope
from services.projections.domain.why_figures import (
    counted_in,
    require_figure,
    why_golden,
    why_health,
)
from services.projections.domain.windows import end_of
from services.projections.domain.words import say
from services.projections.queries.asking import Asker, Question
from services.projections.queries.behaviour_explanations import (
    why_action_health,
    why_data_quality,
    why_goals,
    why_revisions,
    why_traffic_lights,
)
from services.projections.queries.counted import (
    CountedKey,
    Counting,
    behind,
    event_ids_of,
    opportunities_counted,
)
from services.projections.queries.course_explanations import why_breakpoints, why_funnel
from services.projections.queries.explanations import shown_events
from services.projections.queries.figures import ScopesAsked, golden_counts
from services.projections.queries.golden_action_board import lights
from services.projections.queries.listed_explanations import why_instructions, why_silence
from services.projections.queries.process_health_board import (
    correlated,
    figures_of,
    health_settings,
    running_week,
    weeks_and_after,
    weeks_asked,
)
from shared.ports import Ports

Answer = dict[str, Any]
"""What is said of a figure; `event_ids` are looked up and shown instead."""
Explain = Callable[[Ports, Asker, str, Question], Awaitable[Answer]]

_GOLDEN = {"due": "golden_due", "done": "golden_done"}
_OF_GOLDEN_ACTIONS = ("golden-actions", "heat-map")
"""Which others may be named depends on what is due there."""


async def why_on_board(
    ports: Ports, asker: Asker, name: str, figure: str, question: Question
) -> Answer:
    """Raises NotFound for an unknown board, Malformed for a figure that it lacks; either names
    those that there are."""
    if name not in _OF_GOLDEN_ACTIONS:
        require_figure(name, figure)
    answer = await _EXPLAINED[name](ports, asker, figure, question)
    events = await shown_events(ports, asker, answer.pop("event_ids"))
    return {"board": name, **answer, "events": events}


async def _why_process_health(
    ports: Ports, asker: Asker, figure: str, question: Question
) -> Answer:
    if figure == "correlation":
        return await _why_correlation(ports, asker, question)
    week = running_week(asker, question)
    until = end_of(week, asker.moment(question))
    settings = health_settings(asker.organisation, until.at)
    unit_id, rep_id = asker.unit(question), asker.only_rep(question)
    figures = counted_in(figure, settings)
    scope = Scope(unit_id, rep_id or "")
    dwells_in = question.stage if figure.startswith("dwell") else None
    counting = Counting(scope, figures, week.begins, until, dwells_in)
    async with ports.read_store.reading() as connection:
        of_week = await figures_of(connection, asker, question, week)
        counted = await opportunities_counted(connection, asker, counting)
    language = question.language
    return {
        **why_health(figure, week.name, of_week, settings, language, question.stage),
        "unit_id": unit_id,
        "rep_id": rep_id,
        **behind(counted, figures),
        "event_ids": event_ids_of(counted),
    }


async def _why_correlation(ports: Ports, asker: Asker, question: Question) -> Answer:
    """The weeks that it is over; each of their indexes can be asked about by itself."""
    unit_id, at = asker.unit(question), asker.moment(question)
    asked = ScopesAsked(asker.tenant_id, unit_id, asker.organisation.children(unit_id))
    until = asker.until(question, None)
    counting = Counting(Scope(unit_id, ""), ("closed", "won"), None, until)
    async with ports.read_store.reading() as connection:
        weeks = await weeks_asked(connection, asker, replace(question, week=None), asked)
        found = await weeks_and_after(connection, asker, question, weeks) if weeks else []
        counted = await opportunities_counted(connection, asker, counting)
    number = asker.organisation.number_setting
    fewest = number("correlation_minimum_closed", at)
    enough = [
        each for each in found if each.weekly_index is not None and each.after.closed >= fewest
    ]
    related = correlated(asker, question, found)
    minimum = int(number("correlation_minimum_points", at))
    values = {"n": len(enough), "minimum": minimum}
    words = "why.no_correlation" if related is None else "why.correlation"
    coefficient = related["coefficient"] if related else None
    return {
        "figure": "correlation",
        "unit_id": unit_id,
        "value": related,
        "sentences": [say(words, question.language, figure=coefficient, **values)],
        "rows": [
            {"unit_id": each.unit_id, "week": each.week, "index": each.weekly_index}
            | each.after._asdict()
            for each in enough
        ],
        **behind(counted, counting.figures),
        "event_ids": event_ids_of(counted),
    }


async def _why_golden_actions(
    ports: Ports, asker: Asker, figure: str, question: Question
) -> Answer:
    """Every golden action of the unit or rep, or those of one stage, or the one named."""
    unit_id, rep_id = asker.unit(question), asker.only_rep(question) or ""
    window, scope = asker.window(question), Scope(unit_id, rep_id)
    until = asker.until(question, window)
    async with ports.read_store.reading() as connection:
        asked = ScopesAsked(asker.tenant_id, unit_id, ())
        counts = await golden_counts(connection, asked, window, until)
        keys = {key for _, key in counts if question.stage in (None, key.stage)}
        require_figure("golden-actions", figure, sorted({key.action for key in keys}))
        begins = window.begins if window else None
        counting = Counting(scope, tuple(_GOLDEN.values()), begins, until, question.stage)
        counted = await opportunities_counted(connection, asker, counting)
    named = [key for key in sorted(keys) if figure == key.action]
    rows = []
    for key in named or sorted(keys):
        of_key = {
            CountedKey(shown, "", ""): counted.get(CountedKey(kept, *key), ())
            for shown, kept in _GOLDEN.items()
        }
        count = counts.get((scope, key), GoldenCount(0, 0))
        rows.append(_golden_row(asker, question, key, count) | behind(of_key, _GOLDEN))
    answer = {
        "figure": figure,
        "unit_id": unit_id,
        "rep_id": rep_id or None,
        "window": window.name if window else None,
        "sentences": [sentence for row in rows for sentence in row["sentences"]],
        "rows": rows,
        "event_ids": list(dict.fromkeys(each for row in rows for each in _event_ids(row))),
    }
    if len(rows) == 1:
        [row] = rows
        value = row["rate" if named else figure]
        answer |= {"value": value, "stage": row["stage"], "light": row["light"]}
    return answer


def _event_ids(row: Mapping[str, Any]) -> Iterator[str]:
    for found in row["behind"].values():
        for each in found:
            yield from each["event_ids"]


def _golden_row(
    asker: Asker, question: Question, key: GoldenKey, count: GoldenCount
) -> dict[str, Any]:
    return why_golden(key, count, lights(asker, question), question.language)


async def _why_heat_map(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """A unit's cells: the lights of its golden actions, of nobody by name (P7)."""
    return await _why_golden_actions(ports, asker, figure, replace(question, rep_id=None))


_EXPLAINED: Mapping[str, Explain] = {
    "silence": why_silence,
    "process-health": _why_process_health,
    "golden-actions": _why_golden_actions,
    "heat-map": _why_heat_map,
    "funnel": why_funnel,
    "breakpoints": why_breakpoints,
    "instructions": why_instructions,
    "action-health": why_action_health,
    "traffic-lights": why_traffic_lights,
    "goals": why_goals,
    "revisions": why_revisions,
    "data-quality": why_data_quality,
}
