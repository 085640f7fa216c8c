"""A sales floor with managers, on which signals are raised by hand and robots listen."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.directory.domain.person import PERSON, GiveGrant, SetAddress
from services.directory.domain.tenant import TENANT, GoLive
from shared.codec import NewEvent
from shared.command_handling import derived_id
from shared.envelope import Envelope, stream_name
from shared.event_store import Append, Verdict
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.settings import InstallationSettings
from tests.services.sales_floor import NOW, SalesFloor, sales_floor

SETTINGS = InstallationSettings(
    public_url="https://pulsetrail.example", allowed_outbound_hosts=("127.0.0.1",)
)
GRANTS = (
    ("rep-1", "rep", "team-1"),
    ("rep-2", "rep", "team-2"),
    ("boss-1", "manager", "north"),
    ("lawyer-1", "director", "company"),
)


@dataclass
class AlarmFloor:
    floor: SalesFloor

    async def settle(self, *, after: timedelta = timedelta()) -> None:
        """Let time pass and everything that follows happen."""
        self.floor.clock.move_to(self.floor.clock() + after)
        await self.floor.hosting.catch_up()

    async def signal(
        self,
        signal_id: str,
        *,
        owner_id: str | None = "rep-1",
        historical: bool = False,
        rule: str = "stalled",
        told: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
        due_before: timedelta = timedelta(),
    ) -> None:
        now = self.floor.clock()
        unit_path = ["company", "north", "team-1"]
        await self.recorded(
            SignalRaised(
                signal_id=signal_id,
                rule=rule,
                subject_kind="opportunity",
                subject_id=f"O-{signal_id}",
                customer_id="C1",
                stage="first_contact",
                unit_id="team-1",
                unit_path=unit_path,
                owner_id=owner_id,
                due_at=now - due_before,
                raised_at=now,
                anchor_event_id=None,
                window=None,
                historical=historical,
                facts=dict(facts or {}),
                told=list(told),
            )
        )

    async def resolved(self, signal_id: str) -> None:
        await self.recorded(
            SignalResolved(signal_id=signal_id, ended_at=self.floor.clock(), cause_event_id=None)
        )

    async def retracted(self, signal_id: str) -> None:
        await self.recorded(
            SignalRetracted(
                signal_id=signal_id, retracted_at=self.floor.clock(), reason="late-action"
            )
        )

    async def recorded(self, event: Any) -> None:
        """Put a fact of the watch into its log."""
        ports = self.floor.hosting.ports
        stream = stream_name("T1", "hand_made_signal", event.signal_id)
        version = len(await ports.event_store.read_stream(stream))
        envelope = Envelope("T1", None, self.floor.clock(), "live", "test")
        event_id = derived_id(stream, version)
        encoded = await ports.codec.seal([NewEvent(event, event_id, envelope)])
        [outcome] = await ports.event_store.append(
            [Append("projections", stream, version, encoded)]
        )
        assert outcome.verdict is Verdict.DONE

    async def go_live(self) -> None:
        command = GoLive(now=self.floor.clock())
        await self.floor.handle("directory", TENANT, "T1", command)

    async def escalations(self, key: str = "director", query: str = "") -> dict[str, Any]:
        rows = (await self.floor.shown(f"/escalations{query}", key))["rows"]
        return {row["escalation_id"]: row for row in rows}

    async def inbox(self, key: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.floor.shown("/inbox", key))["rows"]
        return rows

    async def robot(self, kind: str, url: str, secret: str, unit_id: str = "company") -> None:
        body = {
            "channel_id": f"the-{kind}",
            "kind": kind,
            "unit_id": unit_id,
            "url": url,
            "secret": secret,
        }
        await self.floor.told("/channels", body, "administrator")

    async def events(self, stream: str) -> list[str]:
        return await self.floor.events(stream)

    @property
    def now(self) -> datetime:
        return self.floor.clock()


@asynccontextmanager
async def alarm_floor(
    path: Path, settings: InstallationSettings = SETTINGS
) -> AsyncIterator[AlarmFloor]:
    async with sales_floor(path, settings) as floor:
        for person_id, role, unit_id in GRANTS:
            grant = GiveGrant(person_id=person_id, role=role, unit_id=unit_id, now=NOW)
            await floor.handle("directory", PERSON, person_id, grant)
        mention = SetAddress(person_id="rep-1", channel="dingtalk", address="mention-1", now=NOW)
        await floor.handle("directory", PERSON, "rep-1", mention)
        await floor.hosting.catch_up()
        yield AlarmFloor(floor)
