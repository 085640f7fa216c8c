"""A running system for the stories: one team with its manager, director and rep, a few deals."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from time import monotonic, sleep
from typing import Any

import httpx

from shared.clock import iso

_PATIENCE_SECONDS = 300.0
_ON_ITS_WAY = (503, 504)
LIMIT = timedelta(hours=48)
UNITS = (
    ("east", "华东大区", None),
    ("hangzhou", "杭州一组", "east"),
    ("ningbo", "宁波一组", "east"),
)
PEOPLE = (
    ("ma-na", "马娜", "hangzhou", "manager"),
    ("he-fang", "何芳", "hangzhou", "rep"),
    ("feng", "冯浩然", None, "director"),
)
CUSTOMERS = {
    "C1": "岭成食品有限公司",
    "C2": "天润医药有限公司",
    "C3": "<script>alert(1)</script>",
    "C5": "北辰物流有限公司",
}
PHONE = "+8613800000001"


@dataclass
class Boards:
    """`key_of`: by person. `appears_within_seconds`: a changed row, at the best of a few times,
    since tests share their machine."""

    address: str
    administrator: str
    appears_within_seconds: float = 1.0
    key_of: dict[str, str] = field(default_factory=dict)

    def asked(self, method: str, path: str, key: str, body: Any = None) -> dict[str, Any]:
        """Asked again while a store, or a read model on its way, says so."""
        ends = monotonic() + _PATIENCE_SECONDS
        headers = {"Authorization": f"Bearer {key}"}
        while True:
            answer = httpx.request(
                method, f"{self.address}/api/v1{path}", json=body, headers=headers, timeout=20
            )
            if answer.status_code not in _ON_ITS_WAY and not _is_not_yet_known(answer):
                assert answer.is_success, (path, answer.text)
                found: dict[str, Any] = answer.json()
                return found
            assert monotonic() < ends, answer.text
            sleep(0.2)

    def told(self, path: str, body: Any, person: str = "feng") -> dict[str, Any]:
        return self.asked("POST", path, self.key_of[person], body)

    def shown(self, path: str, person: str = "feng") -> dict[str, Any]:
        return self.asked("GET", path, self.key_of[person])

    def open(
        self,
        opportunity_id: str,
        customer_id: str,
        silent_for: timedelta,
        owner_id: str = "he-fang",
    ) -> None:
        body = {
            "opportunity_id": opportunity_id,
            "customer_id": customer_id,
            "owner_id": owner_id,
            "amount": "120000",
            "currency": "CNY",
            "occurred_at": iso(datetime.now(UTC) - silent_for),
        }
        self.told("/opportunities", body)

    def capture(self, lead_id: str, customer_id: str, owner_id: str | None = None) -> None:
        """By somebody's referral; without an owner it waits, since everybody is new here."""
        body = {"lead_id": lead_id, "customer_id": customer_id, "source": "referral"}
        whose = {"owner_id": owner_id} if owner_id else {"unit_id": "hangzhou"}
        self.told("/leads", {**body, **whose})

    def asks_for_approval(self, opportunity_id: str) -> None:
        """The rep, of the manager."""
        asked = {"approval_id": f"A-{opportunity_id}", "kind": "折扣", "note": "客户要 8 折"}
        path = f"/opportunities/{opportunity_id}/request-approval"
        self.told(path, {**asked, "steps": ["manager"]}, "he-fang")

    def enters_late(self, rep_id: str, opportunity_id: str) -> None:
        """Five calls together of the rep, each more than a day after it happened."""
        for hours in range(25, 30):
            at = iso(datetime.now(UTC) - timedelta(hours=hours))
            call = {"type": "call", "occurred_at": at}
            self.told(f"/opportunities/{opportunity_id}/log-action", call, rep_id)

    def look_alike(self, customer_id: str, name: str) -> None:
        """Somebody of that name, whom nobody has told apart from others of it."""
        self.told("/customers", {"customer_id": customer_id, "name": f"{customer_id} …"})
        self.told(f"/customers/{customer_id}/describe", {"name": name})

    def leaves_without_golden_action(self, opportunity_id: str, customer_id: str) -> None:
        """A stage that asks for a demonstration, in a pipeline of its own."""
        stages = [{"name": "greeting", "golden_action": [{"action": "demo"}]}, {"name": "parting"}]
        document = {"pipeline": {"name": "short", "unmet": "record"}, "stage": stages}
        self._set_up("/pipelines", document)
        opened = {"opportunity_id": opportunity_id, "customer_id": customer_id}
        self.told("/opportunities", {**opened, "owner_id": "he-fang", "pipeline": "short"})
        move = {"stage": "parting", "reason": "没有演示 in a hurry"}
        self.told(f"/opportunities/{opportunity_id}/change-stage", move, "he-fang")

    def furnish(self) -> None:
        self.key_of["administrator"] = self.administrator
        for team_id, name, parent_id in UNITS:
            unit = {"unit_id": team_id, "name": name, "parent_id": parent_id}
            self._set_up("/units", unit)
        for person_id, name, unit_id, role in PEOPLE:
            self.hire(person_id, name, unit_id, role)
        address = {"channel": "sms", "address": PHONE}
        self._set_up("/people/he-fang/set-address", address)
        at_once = {"after_seconds": 0, "to": "manager", "channels": ["inbox"]}
        policy = {"name": "at-once", "rules": ["stalled"], "steps": [at_once], "quiet_hours": None}
        self._set_up("/policies", policy | {"group_seconds": 0})
        for customer_id, name in CUSTOMERS.items():
            self.told("/customers", {"customer_id": customer_id, "name": name})
        self.open("O1", "C1", timedelta(days=9))
        self.open("O2", "C2", LIMIT - timedelta(seconds=6))
        self.open("O3", "C3", timedelta(hours=30))
        self.leaves_without_golden_action("O5", "C5")
        self.look_alike("C4", CUSTOMERS["C1"])
        self.capture("L1", "C1")
        self.capture("L3", "C3", "he-fang")

    def hire(self, person_id: str, name: str, unit_id: str | None, role: str) -> None:
        person = {"person_id": person_id, "name": name, "unit_id": unit_id or "company"}
        self._set_up("/people", person)
        self._set_up(f"/people/{person_id}/give-grant", {"role": role, "unit_id": unit_id})
        asked = {"role": role, "unit_id": unit_id, "person_id": person_id}
        self.key_of[person_id] = self._set_up("/keys", asked)["key"]

    def _set_up(self, path: str, body: Any) -> dict[str, Any]:
        return self.asked("POST", path, self.administrator, body)

    def await_escalation(self) -> None:
        """Until the manager was told of the opportunity whose limit ended just now."""
        ends = monotonic() + _PATIENCE_SECONDS
        while not self.shown("/escalations?rule=stalled&subject_id=O2", "ma-na")["rows"]:
            assert monotonic() < ends, "nobody was ever told"
            sleep(0.2)


def _is_not_yet_known(answer: httpx.Response) -> bool:
    """Another log's news is on its way."""
    return answer.status_code == 409 and answer.json()["code"] == "not-yet-known"


@contextmanager
def embedded_boards(folder: Path) -> Iterator[Boards]:
    arguments = ("-m", "services.cli", "--data", str(folder / "data"), "serve", "--port", "0")
    with started(arguments, folder) as boards:
        yield boards


@contextmanager
def scaled_boards(folder: Path) -> Iterator[Boards]:
    from stack.kafka_server import free_port  # noqa: PLC0415  # asked for by `make walk` only

    open_to_its_user = Path(tempfile.mkdtemp(prefix="pulsetrail-boards-"))
    open_to_its_user.chmod(0o755)  # PostgreSQL's user has to get through it
    data = open_to_its_user / "stack"
    more = ("--without-demo", "--port", str(free_port()), "--data", str(data))
    try:
        with started(("-m", "stack", *more), folder) as boards:
            boards.appears_within_seconds = 5.0
            yield boards
    finally:
        rmtree(open_to_its_user)


@contextmanager
def started(arguments: tuple[str, ...], folder: Path) -> Iterator[Boards]:
    """As a person starts it, until it has said how it is reached."""
    said = folder / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=out,
            stderr=out,
            env=os.environ | {"PYTHONUTF8": "1"},
        )
    try:
        boards = Boards(
            said_by(process, said, r"Pulsetrail: (http://\S+)"),
            said_by(process, said, r"Administrator's key of tenant default, shown once: (\S+)"),
        )
        boards.furnish()
        yield boards
    finally:
        process.terminate()
        process.wait(60)


def said_by(process: subprocess.Popen[bytes], said: Path, wanted: str) -> str:
    ends = monotonic() + _PATIENCE_SECONDS
    while True:
        words = said.read_text(encoding="utf-8")
        if found := re.search(wanted, words):
            return found[1]
        assert process.poll() is None, words
        assert monotonic() < ends, words
        sleep(0.05)
