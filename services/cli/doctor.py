"""`pulsetrail doctor`: what is wrong here and how to mend it."""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, select

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.directory.reactions import CHINESE_ZONES
from shared.read_store import DEAD_LETTERS, PARKED_STREAMS

_FREE_BYTES = 1_000_000_000


class Finding(NamedTuple):
    """`remedy` None: nothing is wrong."""

    check: str
    found: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examine(Request):
    name: ClassVar[str] = "doctor"
    wants_tenant: ClassVar[bool] = False

    async def run(self, desk: Desk) -> int:
        findings = [
            *_of_the_machine(),
            *_of_the_folder(desk),
            *await _of_the_read_models(desk),
            *await calendar_findings(desk),
        ]
        rows: list[dict[str, Any]] = [
            {
                "check": each.check,
                "ok": each.remedy is None,
                "found": each.found,
                "mend": each.remedy,
            }
            for each in findings
        ]
        if desk.output.as_json:
            desk.output.document({"rows": rows})
        else:
            desk.output.table(None, rows, ("check", "ok", "found", "mend"))
        return FOUND_SOMETHING if any(each.remedy for each in findings) else DONE


def _of_the_machine() -> Iterator[Finding]:
    yield Finding("pulsetrail", version("pulsetrail"))
    python = sys.version.split()[0]
    old = sys.version_info < (3, 11)
    yield Finding("python", python, "install Python 3.11 or newer" if old else None)
    library = sqlite3.sqlite_version
    old = sqlite3.sqlite_version_info < (3, 35)
    yield Finding("sqlite", library, "install SQLite 3.35 or newer" if old else None)
    try:
        ZoneInfo("Asia/Shanghai")
        yield Finding("time zones", "known")
    except ZoneInfoNotFoundError:
        yield Finding("time zones", "unknown", "pip install tzdata")


def _of_the_folder(desk: Desk) -> Iterator[Finding]:
    folder = desk.hosting.folder
    if folder is None:
        return
    served = "served by this process" if desk.live else "held by this command"
    yield Finding("data folder", f"{folder.path}, {served}")
    free = shutil.disk_usage(folder.path).free
    remedy = "make room on this disk" if free < _FREE_BYTES else None
    yield Finding("free space", f"{free / 1e9:,.1f} GB", remedy)
    for name, path in (("event store", folder.events), ("key store", folder.keys)):
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as flaw:
            answer = str(flaw)
        finally:
            connection.close()
        remedy = None if answer == "ok" else f"restore {path.name} from a backup, then verify"
        yield Finding(name, answer, remedy)
    loose = folder.path.stat().st_mode & 0o077
    remedy = f"chmod 700 {folder.path}" if loose else None
    yield Finding("permissions", oct(folder.path.stat().st_mode & 0o777), remedy)


async def _of_the_read_models(desk: Desk) -> list[Finding]:
    findings = []
    behind = [
        subscription.name
        for subscription in desk.ports.progress.subscriptions.values()
        if not await subscription.at_head()
    ]
    for name, why in desk.hosting.stopped.items():
        findings.append(Finding(name, why, "see the message; then restart"))
    standing = f"catching up: {', '.join(behind)}" if behind else "at the head"
    findings.append(Finding("read models", standing))
    async with desk.ports.read_store.reading() as connection:
        parked = await connection.scalar(select(func.count()).select_from(PARKED_STREAMS))
        letters = await connection.scalar(select(func.count()).select_from(DEAD_LETTERS))
    remedy = "`pulsetrail rebuild` after the reason is mended" if parked else None
    findings.append(Finding("parked streams", f"{parked}, {letters} dead letters", remedy))
    return findings


async def calendar_findings(desk: Desk) -> list[Finding]:
    """Live tenants in China whose limits in working days run on without this year's holidays."""
    organisations = desk.ports.organisations
    findings = []
    for tenant_id in await organisations.tenants():
        organisation = await organisations.of(tenant_id)
        now = organisation.clock(desk.ports.clock())
        zone = organisation.zone(now)
        year = now.astimezone(ZoneInfo(zone)).year
        if organisation.is_live and zone in CHINESE_ZONES:
            unknown = organisation.calendar(now).is_provisional(year)
            remedy = (
                f"`pulsetrail --tenant {tenant_id} calendars set {year}`, with `--file` where the"
                " installed chinesecalendar lacks that year"
            )
            found = f"{year} is {'provisional' if unknown else 'known'}"
            findings.append(Finding(f"calendar of {tenant_id}", found, remedy if unknown else None))
    return findings
