"""When a tenant's figures of windows have to be judged again."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.organisation import Organisation

_BETWEEN_LOOKS = timedelta(hours=1)
_JUST_BEFORE = timedelta(milliseconds=1)

Judged = tuple[int, datetime, date]
"""The log's head, the time, and the running day when a tenant was judged last."""


class Looking:
    """When a day is over, with it perhaps a window, and when something came in that may be late: at
    once on the history clock, at most once an hour when live."""

    def __init__(self) -> None:
        self._judged: dict[str, Judged] = {}

    def is_needed(self, organisation: Organisation, head: int, now: datetime) -> bool:
        if organisation.tenant_id not in self._judged:
            return True
        judged_head, judged_at, judged_running = self._judged[organisation.tenant_id]
        if _running(organisation, now) != judged_running:
            return True
        is_patient = organisation.is_live and now - judged_at < _BETWEEN_LOOKS
        return head != judged_head and not is_patient

    def judged(self, organisation: Organisation, head: int, now: datetime) -> None:
        self._judged[organisation.tenant_id] = (head, now, _running(organisation, now))


def _running(organisation: Organisation, now: datetime) -> date:
    """The day at the clock; at midnight the one that ends: windows are over strictly after it."""
    just_before = organisation.clock(now) - _JUST_BEFORE
    return just_before.astimezone(ZoneInfo(organisation.zone(just_before))).date()
