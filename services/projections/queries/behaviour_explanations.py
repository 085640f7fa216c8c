"""Why the boards of actions, lights, goals, revisions and data say what they say."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.projections.domain.action_figures import MARKS_OF_QUALITY
from services.projections.domain.action_health import PARTS, MonthOfActions, action_health
from services.projections.domain.data_quality import JudgedLead, data_quality_row
from services.projections.domain.goal_board import ABSENT, ScopeMonth
from services.projections.domain.goals import (
    FIRST_VISIT_RATE,
    PERSON,
    UNIT,
    VALID_LEADS,
    GoalKey,
)
from services.projections.domain.lead_course import LeadCourse, SharedFields, Standing, latest
from services.projections.domain.process_health import Scope, ratio
from services.projections.domain.traffic_lights import DUE, LIGHTS, MET, LightCount
from services.projections.domain.windows import Moment, Window, end_of, is_before
from services.projections.domain.words import say
from services.projections.queries.action_health_board import (
    action_health_settings,
    month_asked,
)
from services.projections.queries.asking import Asker, Question
from services.projections.queries.behaviour_figures import (
    Span,
    UnitsAsked,
    light_counts,
    months_of_actions,
)
from services.projections.queries.counted import (
    Counting,
    behind,
    event_ids_of,
    opportunities_counted,
)
from services.projections.queries.data_quality_board import leads_of
from services.projections.queries.figures import ScopesAsked
from services.projections.queries.goal_months import (
    MonthAsked,
    goal_settings,
    scope_months,
    targets,
)
from services.projections.queries.lead_courses import judged_leads, valid_leads
from services.projections.queries.revision_board import revision_board
from shared.errors import NotFound
from shared.ports import Ports

Answer = dict[str, Any]
_FIGURES_OF_PARTS = {"timeliness": ("acted",), "richness": ("visit",), "consistency": ("visit",)}


async def why_action_health(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """Each part with what it counts; of the index all three."""
    month, scope = month_asked(asker, question), _scope(asker, question)
    until = end_of(month, asker.moment(question))
    settings = action_health_settings(asker.organisation, until.at)
    figures = _FIGURES_OF_PARTS.get(figure, ("acted", "visit"))
    counting = Counting(scope, figures, month.begins, until, by_reps=True)
    async with ports.read_store.reading() as connection:
        asked = UnitsAsked(asker.tenant_id, [scope.unit_id])
        span = Span(month.begins, until)
        months = await months_of_actions(connection, asked, span, settings.timely_record_hours)
        counted = await opportunities_counted(connection, asker, counting)
    actions = months.get(scope, MonthOfActions())
    measured = action_health(actions, settings)
    values = {
        "window": month.name,
        "recorded": actions.recorded,
        "timely": actions.timely,
        "visits": len(actions.visits),
        "hours": settings.timely_record_hours,
        "least": settings.least_visits,
    }
    present = {name: getattr(measured, name) for name in PARTS}
    shown = [name for name in PARTS if figure in (name, "index") and present[name] is not None]
    language = question.language
    sentences = [say(f"why.{name}", language, figure=present[name], **values) for name in shown]
    if figure == "index" and measured.index is not None:
        parts = ", ".join(f"{name} {present[name]:.3f}" for name in shown)
        of_index = {"figure": measured.index, "parts": parts, "window": month.name}
        sentences.append(say("why.action_index", language, **of_index))
    if not sentences:
        sentences = [f"{figure}: {say('why.absent', language, window=month.name)}"]
    return {
        **_about(figure, scope, month),
        "value": getattr(measured, figure),
        "sentences": sentences,
        "counts": {name: values[name] for name in ("recorded", "timely", "visits")},
        **behind(counted, figures),
        "event_ids": event_ids_of(counted),
    }


async def why_traffic_lights(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """Of one light by its name, or of all three."""
    window, scope = asker.window(question), _scope(asker, question)
    until = asker.until(question, window)
    begins = window.begins if window else None
    counting = Counting(scope, (DUE, MET), begins, until)
    async with ports.read_store.reading() as connection:
        asked = ScopesAsked(asker.tenant_id, scope.unit_id, ())
        counts = await light_counts(connection, asked, Span(begins, until))
        counted = await opportunities_counted(connection, asker, counting)
    named = [name for name in LIGHTS if figure in (name, "met", "due", "rate", "light")]
    counted = {key: found for key, found in counted.items() if key.action in named}
    of_lights = {name: counts.get((scope, name), LightCount(0, 0)) for name in named}
    rows = [
        {"measure": name, **count._asdict(), "rate": ratio(count.met, count.due)}
        for name, count in of_lights.items()
    ]
    answer = {
        **_about(figure, scope, window),
        "sentences": [_of_light(row, question.language) for row in rows],
        "rows": rows,
        **behind(counted, (DUE, MET)),
        "event_ids": event_ids_of(counted),
    }
    if len(rows) == 1:
        answer["value"] = rows[0]["rate"]
    return answer


def _of_light(row: Answer, language: str) -> str:
    named = say(f"light.{row['measure']}", language)
    return say("why.light_of", language, **{**row, "measure": named})


async def why_goals(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """Of one metric: what was to be reached, what was, and by which leads or visits."""
    if figure in MARKS_OF_QUALITY:
        return await _why_quality(ports, asker, figure, question)
    month, scope = month_asked(asker, question), _scope(asker, question)
    now = asker.moment(question)
    until = end_of(month, now)
    kind, scope_id = (PERSON, scope.rep_id) if scope.rep_id else (UNIT, scope.unit_id)
    async with ports.read_store.reading() as connection:
        held = await targets(connection, asker.tenant_id, month.name, until.at)
        asked = MonthAsked(asker.organisation, [scope.unit_id], month, until)
        found = (await scope_months(connection, asked, now)).get(scope, ScopeMonth())
        leads = await valid_leads(connection, asker.tenant_id, month, Span(month.begins, until))
        counting = Counting(scope, ("visited",), month.begins, until)
        counted = await opportunities_counted(connection, asker, counting)
    target = held.get(GoalKey(kind, scope_id, figure))
    values = {
        "metric": say(f"metric.{figure}", question.language),
        "target": target,
        "actual": found.actual(figure),
        "window": month.name,
        "absent": ABSENT.get(figure),
    }
    words = "why.metric_absent" if figure in ABSENT else "why.goal_of"
    answer: Answer = {
        **_about(figure, scope, month),
        "value": found.actual(figure),
        "target": target,
        "sentences": [say(words, question.language, **values)],
        "event_ids": [],
    }
    if figure == FIRST_VISIT_RATE:
        answer |= {**behind(counted, ("visited",)), "event_ids": event_ids_of(counted)}
    if figure == VALID_LEADS:
        of_scope = leads.get(scope, [])
        answer["leads"] = [lead.lead_id for lead in of_scope]
        answer["event_ids"] = [
            proof.event_id for lead in of_scope for proof in _proofs(lead, until)
        ]
    return answer


async def _why_quality(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """Of the qualified actions those that have the mark."""
    month, scope = month_asked(asker, question), _scope(asker, question)
    now = asker.moment(question)
    until = end_of(month, now)
    least = goal_settings(asker.organisation, until.at).qualified_characters
    counting = Counting(scope, ("marked",), month.begins, until, by_reps=True)
    async with ports.read_store.reading() as connection:
        asked = MonthAsked(asker.organisation, [scope.unit_id], month, until)
        found = (await scope_months(connection, asked, now)).get(scope, ScopeMonth())
        counted = await opportunities_counted(connection, asker, counting)
    counted = {
        key: listed
        for key, listed in counted.items()
        if MARKS_OF_QUALITY[figure] in key.action and int(key.stage) >= least
    }
    shown = found.qualified.shown()
    values = {
        "metric": say(f"metric.{figure}", question.language),
        "actions": shown["actions"],
        "marked": shown[figure.removesuffix("_rate")],
        "window": month.name,
    }
    return {
        **_about(figure, scope, month),
        "value": shown[figure],
        "sentences": [say("why.quality_of", question.language, **values)],
        **behind(counted, ("marked",)),
        "event_ids": event_ids_of(counted),
    }


async def why_revisions(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """Of one opportunity, or of all that are listed."""
    question = asker.at_end(question)
    board = await revision_board(ports.read_store, asker, question)
    rows = [
        row for row in board["rows"] if question.opportunity_id in (None, row["opportunity_id"])
    ]
    if question.opportunity_id is not None and not rows:
        raise NotFound(f"there is no warning about {question.opportunity_id!r}")
    sentences = [
        say(
            "why.revised",
            question.language,
            opportunity=row["opportunity_id"],
            revisions=row["revisions"],
            questions=row["customer_questions"],
        )
        for row in rows
    ]
    answer = {
        "figure": figure,
        "unit_id": asker.unit(question),
        "as_of": board["as_of"],
        "sentences": sentences,
        "settings": board["settings"],
        "absent": board["absent"],
        "rows": rows,
        "event_ids": [event_id for row in rows for event_id in row["event_ids"]],
    }
    if len(rows) == 1:
        answer["value"] = rows[0][figure]
    return answer


async def why_data_quality(ports: Ports, asker: Asker, figure: str, question: Question) -> Answer:
    """The leads behind the figure: the duplicates, or those that are counted."""
    month, scope = month_asked(asker, question), _scope(asker, question)
    until = end_of(month, asker.moment(question))
    points = int(asker.organisation.number_setting("score_bucket_points", until.at))
    async with ports.read_store.reading() as connection:
        span = Span(month.begins, until)
        leads = leads_of(
            await judged_leads(connection, asker.tenant_id, month, span), scope.unit_id
        )
    row = data_quality_row(scope.unit_id, month.name, leads, points)
    said = {name: row[name] for name in ("leads", "duplicates", "completeness", "scored")}
    shown = _behind_quality(figure, leads)
    return {
        **_about(figure, Scope(scope.unit_id, ""), month),
        "value": row[figure],
        "sentences": [say("why.data_quality", question.language, window=month.name, **said)],
        "leads": [lead.lead_id for lead in shown],
        "event_ids": [event_id for lead in shown for event_id in lead.event_ids],
    }


def _proofs(lead: LeadCourse, until: Moment) -> Iterator[Standing | SharedFields]:
    """That it is assigned, and that its budget status is known."""
    standing = latest(lead.standings, lambda at: is_before(at, until))
    filled = latest(lead.filled, lambda at: is_before(at, until))
    if standing is not None:
        yield standing
    if filled is not None:
        yield filled


def _behind_quality(figure: str, leads: Sequence[JudgedLead]) -> list[JudgedLead]:
    if figure in ("duplicates", "duplicate_rate"):
        return [lead for lead in leads if lead.is_duplicate]
    if figure == "unreviewed_duplicates":
        return [lead for lead in leads if lead.is_unreviewed]
    if figure.startswith("score"):
        return [lead for lead in leads if lead.score is not None]
    return list(leads)


def _scope(asker: Asker, question: Question) -> Scope:
    return Scope(asker.unit(question), asker.only_rep(question) or "")


def _about(figure: str, scope: Scope, window: Window | None) -> Answer:
    return {
        "figure": figure,
        "unit_id": scope.unit_id,
        "rep_id": scope.rep_id or None,
        "window": window.name if window else None,
    }
