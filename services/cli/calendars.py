"""`pulsetrail calendars`: which days of a year are worked, as published or from a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE
from services.directory.calendar_source import chinese_calendar_days, file_calendar_days
from services.directory.domain.tenant import TENANT, SetCalendarDays
from shared.organisation import Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCalendarYear(Request):
    """`file`: a CSV of `date,working`; without it the published Chinese days of the year."""

    name: ClassVar[str] = "calendars set"

    year: int
    file: str | None = None

    async def run(self, desk: Desk) -> int:
        """Raises Malformed for a file that cannot be read, CalendarIsAlreadyPublished."""
        await desk.ports.organisations.of(desk.tenant_id)
        days = (
            chinese_calendar_days(self.year)
            if self.file is None
            else file_calendar_days(Path(self.file), self.year)
        )
        command = SetCalendarDays(**days._asdict(), now=desk.ports.clock())
        commands = desk.ports.commands("directory")
        await commands.handle(TENANT, desk.tenant_id, command, desk.context())
        await desk.settle()
        row = _row(await desk.ports.organisations.of(desk.tenant_id), self.year)
        if desk.output.as_json:
            desk.output.document(row)
        else:
            desk.output.table(None, [row], _COLUMNS)
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCalendarYears(Request):
    name: ClassVar[str] = "calendars list"

    async def run(self, desk: Desk) -> int:
        organisation = await desk.ports.organisations.of(desk.tenant_id)
        rows = [_row(organisation, year) for year in sorted(organisation.years)]
        if desk.output.as_json:
            desk.output.document({"rows": rows})
        else:
            desk.output.table(None, rows, _COLUMNS, empty="no years; weekends are free")
        return DONE


_COLUMNS = ("year", "free_days", "make_up_days", "provisional", "source")


def _row(organisation: Organisation, year: int) -> dict[str, Any]:
    """Days that are not what their weekday says: free ones, and weekends that are worked."""
    known = organisation.years[year]
    return {
        "year": year,
        "free_days": sum(not works for works in known.days.values()),
        "make_up_days": sum(works for works in known.days.values()),
        "provisional": known.provisional,
        "source": known.source,
    }
