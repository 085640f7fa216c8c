"""Business time of a tenant whose zone may change."""

from dataclasses import dataclass
from datetime import datetime

from services.projections.domain.opportunity_course import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantCalendar:
    """`later`: the calendars of the zones that came after the first, and from when, in order.

    The zone is a setting ("How things are counted"): a change moves what is not yet due, never
    before the change itself, and takes nothing back. Recorded days are facts: they hold throughout.
    """

    first: Calendar
    later: tuple[tuple[datetime, Calendar], ...] = ()

    def due_at(self, anchor: datetime, seconds: float) -> datetime:
        """The end of a limit of `seconds` of business time since `anchor`."""
        due = self.first.due_at(anchor, seconds)
        for since, calendar in self.later:
            if anchor < since and due < since:
                break
            moved = calendar.due_at(anchor, seconds)
            due = moved if since <= anchor else max(moved, since)
        return due
