"""`pulsetrail import` of leads: linked, decided, repeated, taken back (L1, G2)."""

import tomllib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.cli.import_history import ImportHistory
from services.cli.lead_boards import ShowCustomer, ShowLeadBoard
from services.cli.lead_mapping import parse_lead_mapping
from services.cli.undo_import import UndoImport
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import ChangeLeadFields
from services.leads.domain.lead_state import LeadFields
from shared.command_handling import CommandContext
from shared.errors import DomainError, NotFound
from tests.services.typed_commands import TypedCommands, typed_commands

MAPPING = """
kind = "leads"
source = "fair"
numbers = ["visits"]

[columns]
lead = "no"
captured_at = "seen"
company = "company"
person = "person"
phone = "phone"
mail = "mail"
code = "code"
channel = "channel"
budget = "budget"
visits = "visits"
outcome = "outcome"

[time]
zone = "Asia/Shanghai"

[lead]
id = "fair-{lead}"
unit = "fairs"
source = "{channel}"

[lead.sources]
"展会" = "event"

[lead.fields]
budget_status = "{budget}"

[attributes]
visits = "{visits}"

[customer]
name = "{company}"
credit_code = "{code}"

[contact]
name = "{person}"
phone = "{phone}"
email = "{mail}"

[[ending]]
when = { outcome = "no" }
is = "disqualified"
reason = "no need"

[[unit]]
id = "fairs"
parent = "company"
"""
HEADER = "no,seen,company,person,phone,mail,code,channel,budget,visits,outcome\n"
FIRST = "1,2026-03-02,杭州云杉科技有限公司,王芳,138 0013 8000,,,展会,oral,3,\n"
SAME_COMPANY = "2,2026-03-02,杭州雲杉科技股份有限公司,李强,,li@yunshan.example,,展会,,,\n"
OTHER = "3,2026-03-03,Müller GmbH,Jörg 😀,+49 30 901820,,,website,,,no\n"


@dataclass
class Folder(TypedCommands):
    files: Path

    async def run(self, *lines: str, code: int = 0, dry: bool = False) -> dict[str, Any]:
        self.files.joinpath("mapping.toml").write_text(MAPPING, encoding="utf-8")
        file = self.files / "leads.csv"
        file.write_text(HEADER + "".join(lines), encoding="utf-8")
        mapping = str(self.files / "mapping.toml")
        request = ImportHistory(files=(str(file),), mapping=mapping, dry_run=dry)
        return await self.asked(request, code)

    async def leads(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.asked(ShowLeadBoard(board="leads")))["rows"]
        return rows

    async def types(self) -> Counter[str]:
        return Counter(each.type.split(".")[1] for each in await self.events())


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    async with typed_commands(tmp_path / "data") as typed:
        yield Folder(typed.hosting, tmp_path)


async def test_rows_become_leads_and_customers_linked_within_the_file(folder: Folder) -> None:
    told = await folder.run(FIRST, SAME_COMPANY, OTHER)
    counted = {name: told[name] for name in ("rows", "accepted", "linked", "rejected")}
    assert counted == {"rows": 3, "accepted": 3, "linked": 1, "rejected": 0}
    first, second, third = await folder.leads()
    assert first["customer_id"] == second["customer_id"] != third["customer_id"]
    assert (first["source"], third["source"]) == ("event", "other")
    assert (first["budget_status"], first["status"]) == ("oral", "captured")
    assert (third["status"], third["reason"]) == ("disqualified", "no need")
    record = await folder.asked(ShowCustomer(id=first["customer_id"]))
    assert record["customer"]["name"] == "杭州云杉科技有限公司"
    assert len(record["leads"]) == 2


async def test_a_customer_of_the_store_is_found(folder: Folder) -> None:
    await folder.run(FIRST)
    told = await folder.run("9,2026-03-04,,,+8613800138000,,,展会,,,\n")
    assert told["linked"] == 1
    assert len({each["customer_id"] for each in await folder.leads()}) == 1


async def test_what_the_file_lacks_is_absent(folder: Folder) -> None:
    await folder.run(SAME_COMPANY)
    [lead] = await folder.leads()
    absent = ("budget_status", "industry", "owner_id", "assigned_at", "first_contact_at")
    assert [lead[name] for name in absent] == [None] * 5
    [captured] = await folder.events("lead_captured")
    assert captured.origin == "import"
    assert captured.occurred_at.isoformat() == "2026-03-01T16:00:00+00:00"
    assert folder.hosting.ports.codec.decode(captured).event.attributes == {}
    assert await folder.events("lead_scored") == []


async def test_the_same_file_twice_adds_nothing(folder: Folder) -> None:
    await folder.run(FIRST, OTHER)
    before = await folder.types()
    told = await folder.run(FIRST, OTHER)
    assert (told["accepted"], told["duplicates"]) == (0, 2)
    assert await folder.types() == before


async def test_a_dry_run_decides_every_row_and_writes_nothing(folder: Folder) -> None:
    await folder.run(FIRST)
    before = await folder.types()
    bad = "8,tomorrow,x,,,,,,,,\n"
    told = await folder.run(FIRST, SAME_COMPANY, OTHER, bad, code=1, dry=True)
    assert [(each["row"], each["decision"]) for each in told["decisions"]] == [
        (5, "rejected"),
        (2, "duplicate"),
        (3, "linked"),
        (4, "new"),
    ]
    assert told["decisions"][2]["reasons"] == ["company-name"]
    assert told["run"] is None
    assert await folder.types() == before


BAD_ROWS = {
    "required": ",2026-03-02,x,,,,,,,,\n",
    "not-a-time": "5,soon,x,,,,,,,,\n",
    "time-out-of-range": "5,2999-01-01,x,,,,,,,,\n",
    "credit-code": "5,2026-03-02,x,,,,91330100799655058A,,,,\n",
    "not-a-number": "5,2026-03-02,x,,,,,,,many,\n",
    "unknown": "5,2026-03-02,x,,,,,,plenty,,\n",
    "not-an-id": "5 5,2026-03-02,x,,,,,,,,\n",
    "wrong-number-of-columns": "5,2026-03-02\n",
    "string-too-long": f"5,2026-03-02,{'x' * 201},,,,,,,,\n",
}


async def test_every_wrong_row_costs_only_itself(folder: Folder) -> None:
    told = await folder.run(*BAD_ROWS.values(), FIRST, code=1)
    assert [each["code"] for each in told["errors"]] == list(BAD_ROWS)
    assert [each["row"] for each in told["errors"]] == list(range(2, 11))
    assert (told["accepted"], told["rejected"]) == (1, 9)


async def test_a_row_that_fits_several_customers_is_left_to_people(folder: Folder) -> None:
    phones = "4,2026-03-02,甲有限公司,,13900139000,,,,,,\n"
    company = "5,2026-03-02,乙有限公司,,13700137000,,,,,,\n"
    both = "6,2026-03-02,乙有限公司,,13900139000,,,,,,\n"
    told = await folder.run(phones, company, both, code=1)
    [error] = told["errors"]
    assert (error["row"], error["code"]) == (4, "customer-looks-familiar")


async def test_an_import_is_taken_back_by_further_events_and_may_come_again(
    folder: Folder,
) -> None:
    told = await folder.run(FIRST, SAME_COMPANY, OTHER)
    before = await folder.types()
    undone = await folder.asked(UndoImport(import_run=told["run"]))
    nothing = {"reopened": 0, "opportunities": 0, "kept": []}
    assert undone == {"run": told["run"], "leads": 3, "customers": 2, **nothing}
    assert await folder.types() - before == {"lead_withdrawn": 3, "customer_withdrawn": 2}
    assert await folder.leads() == []
    with pytest.raises(NotFound):
        await folder.asked(ShowCustomer(id="customer-fair-1"))
    again = await folder.run(FIRST, SAME_COMPANY, OTHER)
    assert (again["accepted"], again["linked"], again["duplicates"]) == (3, 1, 0)


async def test_what_was_there_before_an_import_is_not_taken_back_with_it(folder: Folder) -> None:
    await folder.run(FIRST)
    second = await folder.run(SAME_COMPANY)
    undone = await folder.asked(UndoImport(import_run=second["run"]))
    assert (undone["leads"], undone["customers"]) == (1, 0)
    assert [each["lead_id"] for each in await folder.leads()] == ["fair-1"]


async def test_what_somebody_has_worked_on_stays_and_is_named(folder: Folder) -> None:
    told = await folder.run(FIRST, OTHER)
    fields = LeadFields(budget_status="written")
    command = ChangeLeadFields(lead_id="fair-1", fields=fields, now=folder.hosting.ports.clock())
    context = CommandContext(
        tenant_id="default",
        actor_id="rep-1",
        occurred_at=command.now,
        correlation_id="by hand",
    )
    await folder.hosting.ports.commands("leads").handle(LEAD, "fair-1", command, context)
    undone = await folder.asked(UndoImport(import_run=told["run"]), 1)
    assert (undone["leads"], undone["customers"]) == (1, 1)
    assert undone["kept"] == [{"lead_id": "fair-1", "why": "lead-is-worked-on"}]


async def test_an_import_that_never_was_cannot_be_taken_back(folder: Folder) -> None:
    with pytest.raises(NotFound):
        await folder.asked(UndoImport(import_run="nothing"))


def test_a_mapping_that_is_wrong_is_refused_naming_every_key() -> None:
    wrong = MAPPING.replace('lead = "no"', "").replace('"event"', '"fair"') + "\n[nonsense]\n"
    with pytest.raises(DomainError) as refused:
        parse_lead_mapping(tomllib.loads(wrong))
    assert {each.field for each in refused.value.errors} == {
        "columns.lead",
        "lead.sources.展会",
        "lead.id",
        "ending[0].opportunity",
        "nonsense",
    }
