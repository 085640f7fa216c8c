"""Import of leads on its pages: read aloud, rehearsed, written, taken back (L1, G2)."""

from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.directory.domain.person import PERSON, GiveGrant
from shared.access import OWN_GRANTS
from shared.http import BASE, key_hash
from tests.services.sales_floor import NOW, SalesFloor, code_of
from tests.services.test_import_pages import (
    ADMINISTRATOR,
    HEAD,
    ROWS,
    at_rest,
    ended,
    floor,
    uploaded,
)
from tests.services.test_pages import holds_nothing_inline_or_from_outside, page, sent, shown

__all__ = ["floor"]


LEADS = "编号,公司,联系人,手机,来源,登记时间\n"
FIRST = "1,杭州云杉科技有限公司,王芳,138 0013 8000,市场活动,2026-02-02\n"
SAME_COMPANY = "2,杭州雲杉科技股份有限公司,李强,,转介绍,2026-02-03\n"
OTHER = "3,Müller GmbH,Jörg,+49 30 901820,website,2026-02-03\n"
WRONG = "4 4,乙有限公司,,,,\n"


def workbook(lines: str) -> bytes:
    """As Excel writes it: the smallest that opens."""
    written = BytesIO()
    rows = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in line.split(","))
        + "</row>"
        for line in lines.splitlines()
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    with ZipFile(written, "w", ZIP_DEFLATED) as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{packages}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            f'<sheet name="leads" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        file.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
        )
    return written.getvalue()


async def rehearsed(floor: SalesFloor, lines: str) -> tuple[str, dict[str, Any]]:
    where = (await uploaded(floor, LEADS + lines, "fair.csv")).headers["location"]
    return await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))


async def imported(floor: SalesFloor, lines: str) -> tuple[str, dict[str, Any]]:
    path, _run = await rehearsed(floor, lines)
    return await ended(floor, await sent(floor, path, {}, ADMINISTRATOR))


async def test_a_file_of_leads_is_recognised_and_read_aloud(floor: SalesFloor) -> None:
    where = (await uploaded(floor, LEADS + FIRST + WRONG, "fair.csv")).headers["location"]

    text = await shown(floor, where, ADMINISTRATOR, "zh")

    assert '<option value="leads" selected>' in text
    said = "2026-02-02 00:00:00 杭州云杉科技有限公司（王芳, 138 0013 8000）的线索 1 进入"
    assert said in text
    assert '<option value="event" selected>' in text
    assert "线索编号: 1-64 个字母" in text


async def test_what_a_file_holds_can_be_chosen(floor: SalesFloor) -> None:
    leads = (await uploaded(floor, LEADS + FIRST, "fair.csv")).headers["location"]
    history = (await uploaded(floor, HEAD + ROWS)).headers["location"]

    as_history = await shown(floor, f"{leads}?kind=history", ADMINISTRATOR)
    as_leads = await shown(floor, f"{history}?kind=leads&lead=商机编号", ADMINISTRATOR)

    assert "When it happened" in as_history
    assert "Where it came from" in as_leads
    assert "lead A-1 of a customer without a name" in as_leads


async def test_a_workbook_of_leads_is_read_like_a_text(floor: SalesFloor) -> None:
    content = workbook(LEADS + FIRST + OTHER)
    where = (await uploaded(floor, content, "fair.xlsx")).headers["location"]

    _path, run = await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))

    assert (run["kind"], run["outcome"]["accepted"]) == ("leads", 2)


async def test_a_workbook_that_swells_is_refused(floor: SalesFloor) -> None:
    written = BytesIO()
    with (
        ZipFile(written, "w", ZIP_DEFLATED) as file,
        file.open("xl/worksheets/sheet1.xml", "w") as part,
    ):
        for _ in range(9):
            part.write(bytes(64_000_000))

    answer = await uploaded(floor, written.getvalue(), "bomb.xlsx")

    assert "This is larger than we take." in answer.text


async def test_a_rehearsal_of_leads_names_duplicates_in_the_file_and_in_the_store(
    floor: SalesFloor,
) -> None:
    await imported(floor, OTHER)

    path, run = await rehearsed(floor, FIRST + SAME_COMPANY + FIRST + OTHER + WRONG)

    outcome = run["outcome"]
    names = ("accepted", "linked", "linked_in_file", "duplicates", "duplicates_in_file", "rejected")
    assert [outcome[name] for name in names] == [2, 1, 1, 2, 1, 1]
    text = await shown(floor, path, ADMINISTRATOR)
    assert "The same customer as in a row before: same company name" in text
    assert "This lead is there by a row before" in text
    assert "The lead&#39;s number or id: 1-64 of letters" in text
    lines = (await page(floor, f"{path}?format=csv&of=duplicates", ADMINISTRATOR)).text
    assert [line.split(",")[1] for line in lines.splitlines()] == ["Row", "3", "4", "5"]
    errors = (await page(floor, f"{path}?format=csv", ADMINISTRATOR)).text
    assert "fair.csv,6,lead.id,not-an-id" in errors
    assert code_of(await floor.get("/leads/1"))[0] == 404


async def test_leads_that_are_imported_are_there_and_are_taken_back(floor: SalesFloor) -> None:
    path, run = await imported(floor, FIRST + SAME_COMPANY)
    first, second = [await floor.shown(f"/leads/{lead}") for lead in "12"]
    assert (first["source"], second["source"]) == ("event", "referral")
    assert first["customer_id"] == second["customer_id"]
    result = await shown(floor, path, ADMINISTRATOR)
    assert "Sales and marketing find them under Leads." in result
    assert 'href="/leads' not in result
    assert f"pulsetrail import --undo {run['outcome']['run']}" in result

    undone, run = await ended(floor, await sent(floor, f"{path}/undo", {}, ADMINISTRATOR))

    assert (run["kind"], run["outcome"]["leads"], run["outcome"]["customers"]) == ("undo", 2, 1)
    assert "Leads withdrawn" in await shown(floor, undone, ADMINISTRATOR)
    assert code_of(await floor.get("/leads/1"))[0] == 404
    again = await sent(floor, f"{path}/undo", {}, ADMINISTRATOR)
    assert again.headers["location"] == undone
    assert "This import was taken back." in await shown(floor, path, ADMINISTRATOR)


async def test_a_lead_that_is_worked_on_stays_and_the_page_says_so(floor: SalesFloor) -> None:
    path, _run = await imported(floor, FIRST)
    await floor.told("/leads/1/change-fields", {"region": "East"}, "director")

    undone, _run = await ended(floor, await sent(floor, f"{path}/undo", {}, ADMINISTRATOR))

    text = await shown(floor, undone, ADMINISTRATOR)
    assert '<td class="lead">1</td>' in text
    assert "Somebody works on it already; it cannot be taken back." in text


async def test_who_may_also_see_leads_is_led_to_them(floor: SalesFloor) -> None:
    for role in ("administrator", "director"):
        grant = GiveGrant(person_id="boss-1", role=role, unit_id="company", now=NOW)
        await floor.handle("directory", PERSON, "boss-1", grant)
    key = CreateApiKey(
        key_id="K-both",
        key_hash=key_hash("key-both"),
        role=OWN_GRANTS,
        unit_id="company",
        person_id="boss-1",
        name="both",
        now=NOW,
    )
    await floor.handle("directory", API_KEY, "K-both", key)
    written, _run = await imported(floor, FIRST)
    looked_at, _run = await rehearsed(floor, FIRST + SAME_COMPANY)

    result = await shown(floor, written, "both")
    again = await shown(floor, looked_at, "both")

    assert '<li><a href="/leads">Leads</a></li>' in result
    assert '<a href="/duplicates">' in result
    assert '<a href="/leads/1">1</a>' in again
    assert '<a href="/customers/customer-1">A customer we know: same company name</a>' in again


async def test_only_written_leads_are_taken_back_and_by_administrators_only(
    floor: SalesFloor,
) -> None:
    only_rehearsed, _run = await rehearsed(floor, FIRST)
    written, _run = await imported(floor, FIRST)

    refused = await sent(floor, f"{only_rehearsed}/undo", {}, ADMINISTRATOR)
    assert "Only an import of leads that was written can be taken back." in refused.text
    for key in ("rep-1", "director", "auditor"):
        answer = await floor.post(f"{written.replace('/import/runs', '/imports')}/undo", {}, key)
        assert code_of(answer) == (403, "forbidden")
    assert (await floor.get("/leads/1")).status_code == 200


async def test_an_import_that_added_nothing_cannot_be_taken_back_and_is_not_said_to_be(
    floor: SalesFloor,
) -> None:
    await imported(floor, FIRST)
    path, run = await imported(floor, FIRST)
    assert (run["outcome"]["accepted"], run["outcome"]["duplicates"]) == (0, 1)
    assert "Take this import back" not in await shown(floor, path, ADMINISTRATOR)

    _undone, undo = await ended(floor, await sent(floor, f"{path}/undo", {}, ADMINISTRATOR))

    assert (undo["state"], undo["problem"]["code"]) == ("refused", "not-found")
    assert "This import was taken back." not in await shown(floor, path, ADMINISTRATOR)
    assert (await floor.get("/leads/1")).status_code == 200


async def test_every_page_of_an_import_of_leads_opens_in_both_languages_and_escapes(
    floor: SalesFloor,
) -> None:
    evil = LEADS + "1,<script>alert(1)</script>,<b>x</b>,13800138000,<b>y</b>,\n"
    evil += "2,<script>alert(1)</script>,,,,\n"
    where = (await uploaded(floor, evil, "<b>.csv")).headers["location"]
    looked_at, _run = await ended(floor, await sent(floor, where, {}, ADMINISTRATOR))
    written, _run = await ended(floor, await sent(floor, looked_at, {}, ADMINISTRATOR))
    undone, _run = await ended(floor, await sent(floor, f"{written}/undo", {}, ADMINISTRATOR))

    for path in ("/import", where, looked_at, written, undone):
        for language in ("zh", "en"):
            answer = await page(floor, path, ADMINISTRATOR, language)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert "<b>" not in answer.text
            holds_nothing_inline_or_from_outside(answer)


async def test_what_an_import_said_became_of_leads_is_taken_back_too(floor: SalesFloor) -> None:
    _path, _run = await imported(floor, FIRST + OTHER)
    lines = (LEADS + FIRST + OTHER).encode()
    file = await floor.http.put(
        f"{BASE}/imports/files?name=deals.csv",
        content=lines,
        headers={"Authorization": f"Bearer key-{ADMINISTRATOR}"},
    )
    mapping = {
        "kind": "leads",
        "source": "deals",
        "columns": {"lead": "编号", "company": "公司"},
        "lead": {"id": "{lead}", "unit": "company", "only_known": True},
        "ending": [
            {"when": {"lead": "1"}, "is": "won", "opportunity": "deal-{lead}"},
            {"when": {"lead": "3"}, "is": "disqualified", "reason": "no need"},
        ],
    }
    asked = {"file_id": file.json()["file_id"], "mapping": mapping, "dry_run": False}
    begun = await floor.post("/imports", asked, ADMINISTRATOR)
    path = f"/import/runs/{begun.json()['import_id']}"
    await at_rest(floor, path)
    assert (await floor.shown("/leads/1"))["status"] == "converted"
    assert (await floor.shown("/opportunities/deal-1"))["opportunity_id"] == "deal-1"

    undone, run = await ended(floor, await sent(floor, f"{path}/undo", {}, ADMINISTRATOR))

    names = ("leads", "reopened", "opportunities", "customers", "kept")
    assert [run["outcome"][name] for name in names] == [0, 2, 1, 0, []]
    assert [(await floor.shown(f"/leads/{each}"))["status"] for each in (1, 3)] == ["captured"] * 2
    assert code_of(await floor.get("/opportunities/deal-1"))[0] == 404
    text = await shown(floor, undone, ADMINISTRATOR)
    assert "<dt>Leads that stand as before</dt><dd>2</dd>" in text
    assert "<dt>Opportunities withdrawn</dt><dd>1</dd>" in text
    story = await shown(floor, "/timelines/lead/1", "director")
    assert "What an import said became of it was taken back" in story
