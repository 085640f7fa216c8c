"""An import that ended leads is taken back by further events, and may come again (G2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.cli.desk import furnish
from services.cli.import_history import ImportHistory
from services.cli.lead_boards import ShowLeadBoard
from services.cli.undo_import import UndoImport
from services.directory.domain.tenant import TENANT, MoveHistoryClock
from services.embedded import LOGS, build, open_embedded
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import AssignLead
from services.leads.queries.leads import LEADS
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import AssignOpportunity
from shared.clock import VirtualClock
from shared.command_handling import CommandContext
from shared.events.leads import RepLetGoOfLead, RepTookLead
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.projecting import RowReadModel
from tests.oracle.logs import CHECKOUT
from tests.services.logs import events_of
from tests.services.typed_commands import TypedCommands

EXAMPLES = CHECKOUT / "examples"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OLIST_LEADS = """mql_id,first_contact_date,landing_page_id,origin
a1,2018-02-01,p1,social
b2,2018-02-02,p2,unknown
c3,2018-02-03,p1,referral
"""
OLIST_DEALS = """mql_id,seller_id,sdr_id,sr_id,won_date
a1,s1,d1,r1,2018-02-26 19:58:54
c3,s2,d1,r2,2018-03-08 20:17:59
"""
X_EDUCATION = (
    "Prospect ID,Lead Origin,Lead Source,Do Not Email,Converted,TotalVisits,"
    "Total Time Spent on Website,Page Views Per Visit,Last Activity,Country,Specialization,"
    "How did you hear about X Education,What is your current occupation,"
    "What matters most to you in choosing a course,City,A free copy of Mastering The Interview,"
    "Last Notable Activity\n"
    "x1,Form,Google,No,1,6,1279,3,SMS Sent,India,Select,Select,Unemployed,Career,Select,Yes,SMS\n"
    "x2,Form,Reference,No,0,2,199,2,SMS Sent,India,Select,Select,Unemployed,Career,Select,No,SMS\n"
)


@dataclass
class Folder(TypedCommands):
    files: Path
    clock: VirtualClock

    async def run(self, mapping: str, rows: str, code: int = 0) -> str:
        """The run's name."""
        file = self.files / "rows.csv"
        file.write_text(rows, encoding="utf-8")
        request = ImportHistory(files=(str(file),), mapping=str(EXAMPLES / mapping))
        return str((await self.asked(request, code))["run"])

    async def undo(self, run: str, code: int = 0) -> dict[str, Any]:
        return await self.asked(UndoImport(import_run=run), code)

    async def leads(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.asked(ShowLeadBoard(board="leads")))["rows"]
        return rows

    async def held(self) -> list[tuple[str, str]]:
        """Leads and who has them, as the unit's book says."""
        holders: dict[str, str] = {}
        for each in await events_of(self.hosting.ports, "leads"):
            match each.event:
                case RepTookLead(lead_id=lead_id, rep_id=rep_id):
                    holders[lead_id] = rep_id
                case RepLetGoOfLead(lead_id=lead_id):
                    del holders[lead_id]
        return sorted(holders.items())

    async def signals(self) -> dict[str, str]:
        """State by rule."""
        states: dict[str, str] = {}
        rules: dict[str, str] = {}
        for each in await events_of(self.hosting.ports, "projections"):
            match each.event:
                case SignalRaised(signal_id=signal_id, rule=rule):
                    rules[signal_id], states[rule] = rule, "raised"
                case SignalResolved(signal_id=signal_id):
                    states[rules[signal_id]] = "resolved"
                case SignalRetracted(signal_id=signal_id):
                    states[rules[signal_id]] = "retracted"
        return states

    async def shown(self) -> dict[str, Any]:
        """What every read model says of leads, customers and opportunities, but for how often a
        lead was captured."""
        ports = self.hosting.ports
        found: dict[str, Any] = {}
        async with ports.read_store.reading() as connection:
            for model in _row_models(self.hosting.ports):
                kept = [each for each in model.rows.c if each.name not in ("body", "event_count")]
                rows = (await connection.execute(select(*kept))).all()
                # What was withdrawn stays where what was said of it has to be ended.
                found[model.name] = sorted(str(row) for row in rows if "withdrawn" not in row)
                points = select(
                    model.series.c.figure,
                    model.series.c.unit_id,
                    model.series.c.rep_id,
                    model.points.c.at,
                    model.points.c.amount,
                ).join_from(
                    model.series, model.points, model.series.c.series_id == model.points.c.series_id
                )
                found[f"{model.name} figures"] = sorted(
                    map(str, (await connection.execute(points)).all())
                )
            bodies = (await connection.execute(select(LEADS.rows.c.body))).scalars().all()
        found["leads"] = sorted(str(_once(LEADS.decode(each))) for each in bodies)
        return found

    async def handle(self, log: str, decider: Any, aggregate_id: str, command: Any) -> None:
        context = CommandContext(
            tenant_id="default",
            actor_id="somebody",
            occurred_at=self.clock(),
            correlation_id="by hand",
        )
        handling = self.hosting.ports.commands(log)
        await handling.handle(decider, aggregate_id, command, context)
        await self.hosting.catch_up()


def _row_models(ports: Any) -> list[RowReadModel[Any]]:
    every = [model for service in build(ports) for model in service.read_models]
    return [
        each
        for each in every
        if isinstance(each, RowReadModel) and each.log in ("leads", "opportunities")
    ]


def _once(row: Any) -> Any:
    return replace(row, facts=replace(row.facts, rounds=1))


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    async with _folder(tmp_path) as running:
        yield running


@asynccontextmanager
async def _folder(path: Path) -> AsyncIterator[Folder]:
    clock = VirtualClock(NOW)
    async with open_embedded(path / "data", clock=clock) as hosting:
        await furnish(hosting.ports)
        await hosting.catch_up()
        yield Folder(hosting, path, clock)


async def test_olists_deals_are_taken_back_and_its_leads_stand_as_before(folder: Folder) -> None:
    await folder.run("olist/leads.toml", OLIST_LEADS)
    before = await folder.shown()
    run = await folder.run("olist/deals.toml", OLIST_DEALS)
    first = await folder.shown()
    assert first != before

    undone = await folder.undo(run)

    assert undone == {
        "run": run,
        "leads": 0,
        "reopened": 2,
        "opportunities": 2,
        "customers": 0,
        "kept": [],
    }
    assert await folder.shown() == before
    await folder.run("olist/deals.toml", OLIST_DEALS)
    assert await folder.shown() == first


async def test_x_educations_leads_are_taken_back_whatever_became_of_them(folder: Folder) -> None:
    nothing = await folder.shown()
    run = await folder.run("xeducation/leads.toml", X_EDUCATION)
    first = await folder.shown()

    undone = await folder.undo(run)

    counted = {"leads": 2, "reopened": 0, "opportunities": 1, "customers": 2, "kept": []}
    assert undone == {"run": run, **counted}
    assert await folder.shown() == nothing
    again = await folder.run("xeducation/leads.toml", X_EDUCATION)
    assert await folder.shown() == first
    assert await folder.undo(again) == {"run": again, **counted}


async def test_what_was_taken_back_once_is_not_taken_back_again(folder: Folder) -> None:
    leads = await folder.run("olist/leads.toml", OLIST_LEADS)
    run = await folder.run("olist/deals.toml", OLIST_DEALS)
    await folder.undo(run)
    before = {log: len(await events_of(folder.hosting.ports, log)) for log in LOGS}
    nothing = {"leads": 0, "reopened": 0, "opportunities": 0, "customers": 0, "kept": []}
    assert await folder.undo(run) == {"run": run, **nothing}
    assert {log: len(await events_of(folder.hosting.ports, log)) for log in LOGS} == before
    assert (await folder.undo(leads))["leads"] == 3


async def test_an_import_of_leads_stays_as_long_as_anothers_deals_rest_on_it(
    folder: Folder,
) -> None:
    leads = await folder.run("olist/leads.toml", OLIST_LEADS)
    await folder.run("olist/deals.toml", OLIST_DEALS)
    undone = await folder.undo(leads, 1)
    assert (undone["leads"], undone["customers"]) == (1, 1)
    assert undone["kept"] == [
        {"lead_id": "olist-a1", "why": "lead-is-worked-on"},
        {"lead_id": "olist-c3", "why": "lead-is-worked-on"},
    ]


async def test_a_lead_stays_with_its_opportunity_that_somebody_has_worked_on(
    folder: Folder,
) -> None:
    await folder.run("olist/leads.toml", OLIST_LEADS)
    run = await folder.run("olist/deals.toml", OLIST_DEALS)
    command = AssignOpportunity(
        opportunity_id="olist-a1",
        owner_id="olist-r2",
        unit_id="olist",
        unit_path=("company", "olist"),
        now=NOW,
    )
    await folder.handle("opportunities", OPPORTUNITY, "olist-a1", command)
    undone = await folder.undo(run, 1)
    assert (undone["reopened"], undone["opportunities"]) == (1, 1)
    assert undone["kept"] == [{"lead_id": "olist-a1", "why": "opportunity-is-worked-on"}]
    statuses = {each["lead_id"]: each["status"] for each in await folder.leads()}
    assert statuses == {"olist-a1": "converted", "olist-b2": "captured", "olist-c3": "captured"}


async def test_a_lead_that_somebody_had_is_theirs_again_in_the_state_it_was_in(
    folder: Folder,
) -> None:
    await folder.run("olist/leads.toml", OLIST_LEADS)
    assign = AssignLead(
        lead_id="olist-a1",
        owner_id="olist-r9",
        unit_id="olist",
        unit_path=("company", "olist"),
        track="by_hand",
        allocation=None,
        round=1,
        now=NOW,
    )
    await folder.handle("leads", LEAD, "olist-a1", assign)
    run = await folder.run("olist/deals.toml", OLIST_DEALS)
    assert await folder.held() == []
    await folder.undo(run)
    first, *_others = await folder.leads()
    assert (first["status"], first["owner_id"]) == ("assigned", "olist-r9")
    assert await folder.held() == [("olist-a1", "olist-r9")]


async def test_what_led_to_what_was_withdrawn_comes_again_and_appends_nothing(
    folder: Folder,
) -> None:
    await folder.run("olist/leads.toml", OLIST_LEADS)
    for mapping, rows in (
        ("olist/deals.toml", OLIST_DEALS),
        ("xeducation/leads.toml", X_EDUCATION),
    ):
        run = await folder.run(mapping, rows)
        folder.clock.move_to(folder.clock() + timedelta(hours=1))
        await folder.undo(run)
    ports = folder.hosting.ports
    before = {log: await events_of(ports, log) for log in LOGS}
    for reaction in (each for service in build(ports) for each in service.reactions):
        assert await reaction.take(before[reaction.log]) == [], reaction.name
        after = {log: len(await events_of(ports, log)) for log in LOGS}
        assert after == {log: len(events) for log, events in before.items()}, reaction.name


OPENED_ONLY = (
    (EXAMPLES / "xeducation" / "leads.toml")
    .read_text(encoding="utf-8")
    .replace('is = "won"', 'is = "converted"')
)


async def test_signals_of_an_opportunity_that_never_was_are_retracted(folder: Folder) -> None:
    mapping = folder.files / "mapping.toml"
    mapping.write_text(OPENED_ONLY, encoding="utf-8")
    run = await folder.run(str(mapping), X_EDUCATION)
    move = MoveHistoryClock(clock_at=NOW + timedelta(days=30), now=NOW)
    await folder.handle("directory", TENANT, "default", move)
    of_it = {"stalled", "stage_overdue"}
    raised = await folder.signals()
    assert {raised[rule] for rule in of_it} == {"raised"}
    assert (await folder.undo(run))["opportunities"] == 1
    taken_back = await folder.signals()
    assert {taken_back[rule] for rule in of_it} == {"retracted"}
