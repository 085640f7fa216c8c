"""When a tenant's figures of windows have to be judged again."""

from datetime import datetime, timedelta

from services.projections.domain.windows import month_of, week_of
from shared.organisation import Organisation

_BETWEEN_LOOKS = timedelta(hours=1)

Judged = tuple[int, datetime, str]
"""The log's head, the time, and the running week and month when a tenant was judged last."""


class Looking:
    """When a week or month is over, and when something came in that may be late: at once on the
    history clock, at most once an hour when live."""

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


def _running(organisation: Organisation, now: datetime) -> str:
    """With the running month: either is over at its own time."""
    clock, zone = organisation.clock(now), organisation.zone()
    return f"{week_of(clock, zone).name} {month_of(clock, zone).name}"
