"""Leads under load: captured, given, appealed, returned; what is not answered is sent again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from tests.system.command import Json
from tests.system.load import REPS, Load

SETTINGS = {"business_hours": "00:00-23:59", "newcomer_days": 0, "open_lead_cap": 1_000}
"""With the days around: leads are given at every hour of every day, to whoever is there."""
_UNITS = ("team-1", "team-2", "company")
_LEADS_AT_ONCE = 8
_ANYBODYS = ["assign", "contact", "note-behaviour", "return", "disqualify"]
_PAUSE_SECONDS = 0.1


def days_around() -> dict[int, dict[str, bool]]:
    """Yesterday, today and tomorrow are worked, wherever the tenant is."""
    today = datetime.now(UTC).date()
    found: dict[int, dict[str, bool]] = {}
    for day in (today + timedelta(days=each) for each in (-1, 0, 1)):
        found.setdefault(day.year, {})[day.isoformat()] = True
    return found


def office_that_never_closes() -> list[tuple[str, Json]]:
    """What an administrator posts beforehand, by path."""
    calendars = [
        ("/calendars", {"year": year, "days": days, "source": "test"})
        for year, days in days_around().items()
    ]
    return [("/settings", {"settings": SETTINGS}), *calendars]


@dataclass
class LeadWorker:
    """Has leads of its own: `next_of` says for each what will be accepted next, `owners` to whom
    it was given by hand. `rep_keys`: with which reps say that they are there, and appeal."""

    name: str
    load: Load
    random: Random
    http: httpx.AsyncClient
    rep_keys: Mapping[str, str]
    count: int = 0
    next_of: dict[str, list[str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        for rep in REPS:
            await self._present(rep, on_duty=True)
        while not self.load.stopped:
            await self._one()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _one(self) -> None:
        choice = self.random.random()
        if choice < 0.1:
            await self._present(self.random.choice(REPS), on_duty=self.random.random() < 0.8)
        elif choice < 0.2:
            await self._message()
        elif len(self.next_of) < _LEADS_AT_ONCE and choice < 0.55:
            await self._capture()
        elif self.next_of:
            await self._go_on(self.random.choice(list(self.next_of)))

    async def _present(self, rep: str, *, on_duty: bool) -> None:
        await self._send("/presence", {"on_duty": on_duty}, self.rep_keys[rep])

    async def _message(self) -> None:
        """Of customers whose leads nobody else touches: a hot word makes one, or hurries it."""
        body = {
            "message_id": f"M-{self.name}-{self.count}",
            "customer_id": f"C-chat-{self.random.randint(1, 5)}",
            "text": self.random.choice(("价格多少？", "收到，谢谢", "one more sample, please")),
            "unit_id": self.random.choice(_UNITS[:2]),
        }
        await self._send("/messages", body)

    async def _capture(self) -> None:
        lead_id = f"L-{self.name}-{self.count}"
        source = self.random.choice(("referral", "web_form", "bought_list"))
        body: Json = {
            "lead_id": lead_id,
            "customer_id": f"C-{lead_id}",
            "source": source,
            "behaviours": self.random.sample(("demo_booked", "live_stream"), 2),
            "unit_id": self.random.choice(_UNITS),
        }
        await self._send("/leads", body)
        self.next_of[lead_id] = _ANYBODYS

    async def _go_on(self, lead_id: str) -> None:
        order = self.random.choice(self.next_of[lead_id])
        body, key = self._body(order, lead_id), None
        if order == "appeal":
            key = self.rep_keys[self.owners[lead_id]]
        await self._send(f"/leads/{lead_id}/{order}", body, key)
        self._went(order, lead_id)

    def _body(self, order: str, lead_id: str) -> Json:
        match order:
            case "assign":
                self.owners[lead_id] = self.random.choice(REPS)
                return {"owner_id": self.owners[lead_id]}
            case "contact":
                return {"type": "call", "budget_status": self.random.choice(("oral", "written"))}
            case "note-behaviour":
                return {"behaviour": self.random.choice(("white_paper", "trial_opened"))}
            case "appeal":
                return {"reason": "知道这个客户 I know them"}
            case "decide-appeal":
                others = [each for each in REPS if each != self.owners[lead_id]]
                if self.random.random() < 0.5:
                    return {"decision": "keep"}
                self.owners[lead_id] = self.random.choice(others)
                return {"decision": "reassign", "owner_id": self.owners[lead_id]}
            case "disqualify":
                return {"reason": "no budget"}
            case "convert":
                return {"opportunity_id": f"O-{lead_id}", "pipeline": "quick"}
            case _:
                return {}

    def _went(self, order: str, lead_id: str) -> None:
        match order:
            case "assign":
                self.next_of[lead_id] = ["appeal", "contact", "convert", "return"]
            case "appeal":
                self.next_of[lead_id] = ["decide-appeal"]
            case "decide-appeal":
                self.next_of[lead_id] = ["contact", "assign", "convert"]
            case "contact" if lead_id in self.owners:
                self.next_of[lead_id] = ["contact", "qualify", "return", "assign"]
            case "qualify":
                self.next_of[lead_id] = ["assign", "disqualify"]
            case "return":
                self.next_of[lead_id] = ["release", "disqualify"]
                self.owners.pop(lead_id, None)
            case "release":
                self.next_of[lead_id] = _ANYBODYS
            case "disqualify" | "convert":
                self.next_of.pop(lead_id)
                self.owners.pop(lead_id, None)

    async def _send(self, path: str, body: Json, key: str | None = None) -> None:
        self.count += 1
        name = f"{self.name}-{self.count}"
        headers: dict[str, Any] = {"Idempotency-Key": name}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        answer = await self.load.send(self.http, path, json=body, headers=headers)
        self.load.answered[name] = answer.json()["events"]
