"""When the people of the demonstration work: moments in the office hours of working days."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from services.directory.calendar_source import chinese_calendar_days
from shared.business_time import BusinessCalendar

ZONE = "Asia/Shanghai"

_ONE_DAY = timedelta(days=1)
_OPENS, _CLOSES = time(9), time(18)


class OfficeHours:
    """The working days around a simulation, as the tenant's own calendar has them."""

    def __init__(self, start: datetime, until: datetime) -> None:
        years = range(start.year, until.year + 2)
        days = {
            day: works for year in years for day, works in chinese_calendar_days(year).days.items()
        }
        self._zone = ZoneInfo(ZONE)
        self.calendar = BusinessCalendar(ZONE, days, frozenset(years))

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def works_on(self, day: date) -> bool:
        return self.calendar.is_working_day(day)

    def at(self, day: date, hour: float) -> datetime:
        """The moment of a local day at so many hours after midnight, in whole seconds."""
        midnight = datetime.combine(day, time(), self._zone)
        return (midnight + timedelta(seconds=int(hour * 3600))).astimezone(UTC)

    def later(self, moment: datetime, working_days: float, chance: Random) -> datetime:
        """A moment in office hours after about so many working days; always a later one."""
        day = self.day_of(moment)
        for _ in range(int(working_days)):
            day = self.calendar.next_working_day(day)
        local = moment.astimezone(self._zone).time()
        rest = timedelta(days=working_days % 1) * (9 / 24)
        wanted = datetime.combine(day, local, self._zone) + rest + _some_minutes(chance, 1, 40)
        if wanted.time() >= _CLOSES or wanted.date() != day:
            day = self.calendar.next_working_day(day)
            wanted = datetime.combine(day, _OPENS, self._zone) + _some_minutes(chance, 5, 200)
        elif wanted.time() < _OPENS:
            wanted = datetime.combine(day, _OPENS, self._zone) + _some_minutes(chance, 5, 90)
        if not self.works_on(wanted.date()):
            day = self.calendar.next_working_day(wanted.date())
            wanted = datetime.combine(day, _OPENS, self._zone) + _some_minutes(chance, 5, 300)
        return wanted.astimezone(UTC)

    def last_working_day_of_month(self, day: date) -> date:
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _ONE_DAY
        while not self.works_on(last):
            last -= _ONE_DAY
        return last


def _some_minutes(chance: Random, least: float, most: float) -> timedelta:
    return timedelta(seconds=int(chance.uniform(least, most) * 60))
