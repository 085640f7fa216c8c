"""A tenant of which every page has something to show, and the pages and forms as they are."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from services.cli import imports_api
from services.cli.imports import Imports
from services.projections.pages.page_route import PageRoute
from shared.clock import iso
from shared.hosting import application
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.page_forms import Form, read
from tests.services.sales_floor import NOW, SalesFloor
from tests.services.test_import_pages import ended
from tests.services.test_pages import SCRIPT, page, sent
from tests.services.test_role_matrix import walked

DAY = timedelta(days=1)
HISTORY = "case,time,activity,actor\nA-1,2026-02-02 09:00:00,<b>call</b>,li-na\n"
LEADS = "lead,company,phone,source\nF-1,<b>Fair</b>,13800138000,<i>fair</i>\nF-1,x,,\n"
FORMULA = "\uff1dHYPERLINK(1)"
READERS = ("boss-1", "rep-1", "administrator")
"""Between them they are shown every page and every form."""
_LEAVES = 6


@dataclass
class EveryPage:
    alarm: AlarmFloor
    app: Any
    paths: dict[str, list[str]]

    @property
    def floor(self) -> SalesFloor:
        return self.alarm.floor

    async def texts(self, language: str = "en") -> dict[tuple[str, str], str]:
        """By reader and address, of those that the reader may open."""
        found = {}
        for reader in READERS:
            for path in self.addresses():
                answer = await page(self.floor, path, reader, language)
                assert answer.status_code in (200, 303, 403, 404), (path, answer.status_code)
                if answer.status_code == 200:
                    found[reader, path] = answer.text
        return found

    def addresses(self) -> Iterator[str]:
        for addresses in self.paths.values():
            yield from addresses

    async def forms(self, language: str = "en") -> list[Form]:
        found: dict[tuple[str, ...], Form] = {}
        for (reader, path), text in (await self.texts(language)).items():
            for form in read(text)[0]:
                form.reader, form.action = reader, form.action or urlsplit(path).path
                found.setdefault(form.kind, form)
        return list(found.values())


def page_routes(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path as they are declared."""
    for route in walked(app.routes):
        if isinstance(route, PageRoute):
            for method in route.methods or ():
                yield method, route.path


@asynccontextmanager
async def every_page(folder: Path) -> AsyncIterator[EveryPage]:
    with pytest.MonkeyPatch.context() as patched:
        async with alarm_floor(folder / "data") as alarm:
            uploads = folder / "uploads"
            uploads.mkdir()
            hosting = alarm.floor.hosting
            # Nothing follows by itself here, so that time can be let pass.
            patched.setattr(hosting, "settle", hosting.catch_up)
            imports = Imports(hosting, uploads)
            app = application(hosting)
            app.include_router(imports_api.router(hosting.ports, imports))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                floor = SalesFloor(hosting, http, alarm.floor.clock)
                running = AlarmFloor(floor)
                yield EveryPage(running, app, await _furnished(running))
            await imports.end()


async def _furnished(alarm: AlarmFloor) -> dict[str, list[str]]:
    floor = alarm.floor
    await _customers_and_leads(floor)
    await _opportunities(floor)
    channel = {"channel_id": "group", "kind": "dingtalk", "unit_id": "company"}
    await floor.told("/channels", {**channel, "url": "http://127.0.0.1:9/in"}, "administrator")
    absence = {"person_id": "rep-2", "begins_at": iso(NOW), "ends_at": iso(NOW + 9 * DAY)}
    await floor.told("/absences", {**absence, "stand_in_id": "rep-1"}, "director")
    goal = {"unit_id": "team-1", "metric": "valid_leads", "target": 9}
    await floor.told("/goals/2026-03/set", goal, "boss-1")
    for _ in range(_LEAVES):
        await alarm.settle(after=DAY)
    return await _paths(floor)


async def _customers_and_leads(floor: SalesFloor) -> None:
    contact = {"contact_id": "K1", "name": SCRIPT, "role": "KP", "phone": "+8613800000001"}
    first = {"customer_id": "C1", "name": SCRIPT, "industry": SCRIPT, "contacts": [contact]}
    await floor.told("/customers", first)
    for customer_id in ("C2", "C3"):
        await floor.told("/customers", {"customer_id": customer_id, "name": customer_id})
    await floor.told("/customers", {"customer_id": "C5", "name": FORMULA})
    await floor.told("/customers/C2/describe", {"name": SCRIPT, "contacts": [contact]})
    await floor.told("/customers/C3/merge", {"into_customer_id": "C1"})
    lead = {"customer_id": "C1", "source": "referral", "region": SCRIPT}
    await floor.told("/leads", {**lead, "lead_id": "L0", "customer_id": "C5", "unit_id": "team-1"})
    for lead_id in ("L1", "L2"):
        await floor.told("/leads", {**lead, "lead_id": lead_id, "owner_id": "rep-1"})
    await floor.told("/leads/L2/appeal", {"reason": SCRIPT}, "rep-1")
    ticket = {"ticket_id": "S1", "customer_id": "C1", "kind": SCRIPT}
    await floor.told("/tickets", ticket)


async def _opportunities(floor: SalesFloor) -> None:
    opened = {"owner_id": "rep-1", "amount": "1000", "currency": "CNY"}
    await floor.open("O1", **opened, occurred_at=iso(NOW - 6 * DAY))
    for hours in range(25, 30):
        late = {"type": "visit", "summary": SCRIPT, "occurred_at": iso(NOW - hours * DAY / 24)}
        await floor.told("/opportunities/O1/log-action", late, "rep-1")
    asked = {"approval_id": "A1", "kind": SCRIPT, "note": SCRIPT, "steps": ["manager"]}
    await floor.told("/opportunities/O1/request-approval", asked, "rep-1")
    await floor.open("O2", **opened, customer_id="C5")
    await floor.told("/opportunities/O2/change-stage", {"stage": "needs_confirmed"}, "rep-1")


async def _paths(floor: SalesFloor) -> dict[str, list[str]]:
    """By declared path, the addresses at which it shows something."""
    escalations = (await floor.shown("/escalations?state=open", "boss-1"))["rows"]
    messages = (await floor.shown("/inbox", "rep-1"))["rows"]
    cases = (await floor.shown("/authenticity-cases", "boss-1"))["rows"]
    file_path = await _uploaded(floor, "deals.csv", HISTORY)
    leads_path = await _uploaded(floor, "leads.csv", LEADS)
    run_path = await _imported(floor, file_path)
    leads_rehearsed = await _imported(floor, leads_path)
    leads_imported = await _imported(floor, leads_rehearsed)
    plain = (
        *(
            "/",
            "/silence",
            "/escalations",
            "/inbox",
            "/my-day",
            "/process-health",
            "/golden-actions",
        ),
        *("/heat-map", "/funnel", "/traffic-lights", "/goals", "/data-quality", "/breakpoints"),
        *("/customers", "/leads", "/allocation", "/duplicates", "/approvals"),
        *("/authenticity-cases", "/policies", "/sent", "/people", "/keys", "/pipelines", "/import"),
    )
    found = {each: [each] for each in plain}
    figures = ("silence", "process-health", "golden-actions", "traffic-lights", "goals")
    return found | {
        "/instructions/{kind}": ["/instructions/silent?stage=first_contact"],
        "/timelines/{kind}/{subject_id}": [
            *("/timelines/opportunity/O1", "/timelines/opportunity/O2", "/timelines/lead/L1"),
            *("/timelines/customer/C1", "/timelines/rep/rep-1"),
        ],
        "/escalations/{escalation_id}": [
            f"/escalations/{each['escalation_id']}" for each in escalations
        ],
        "/inbox/{message_id}": [f"/inbox/{each['message_id']}" for each in messages[:3]],
        "/funnel/opportunities": ["/funnel/opportunities?step=1&how=pending"],
        "/why/{subject}": [f"/why/{each}" for each in figures],
        "/leads/{lead_id}": ["/leads/L0", "/leads/L1", "/leads/L2"],
        "/customers/{customer_id}": ["/customers/C1", "/customers/C2"],
        "/authenticity-cases/{case_id}": [
            f"/authenticity-cases/{each['case_id']}" for each in cases
        ],
        "/who-is-told": ["/who-is-told?opportunity=O1"],
        "/policies/edit": ["/policies/edit", "/policies/edit?name=reminder"],
        "/policies/channel": ["/policies/channel", "/policies/channel?channel=group"],
        "/people/{person_id}": ["/people/rep-1", "/people/rep-2"],
        "/people/{person_id}/absences": ["/people/rep-2/absences"],
        "/people/{person_id}/sign-in-link": ["/people/rep-1/sign-in-link"],
        "/units": ["/units", "/units?unit=team-1"],
        "/pipelines/{name}": ["/pipelines/standard"],
        "/import/{file_id}": [file_path, leads_path],
        "/import/runs/{import_id}": [run_path, leads_rehearsed, leads_imported],
    }


async def _uploaded(floor: SalesFloor, name: str, content: str) -> str:
    files = {"file": (name, content.encode(), "text/csv")}
    answer = await sent(floor, "/import", {}, "administrator", files=files)
    found: str = answer.headers["location"]
    return found


async def _imported(floor: SalesFloor, path: str) -> str:
    """Rehearsed from the page of a file, written from that of a rehearsal: until it has ended."""
    found, _run = await ended(floor, await sent(floor, path, {}, "administrator"))
    return found
