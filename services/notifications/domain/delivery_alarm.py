"""When a channel's delivery rate alarms somebody, and when it is well again (N5, L10)."""

from enum import StrEnum

RULE = "channel_failing"
SUBJECT_KIND = "channel"
RECOVERED = "delivery-recovered"
ENOUGH_ATTEMPTS = 20
"""Fewer ended attempts in the 24 hours say too little to raise an alarm."""


class Alarm(StrEnum):
    RAISE = "raise"
    END = "end"
    LEAVE_AS_IT_IS = "leave-as-it-is"


def alarm(*, ended: int, accepted: int, alert_below: float, is_raised: bool) -> Alarm:
    """Raised where accepted ÷ ended of the last 24 h is below `alert_below` (a ratio) and at least
    `ENOUGH_ATTEMPTS` ended; ended where the rate is at or above it, or nothing was tried (N5)."""
    is_low = ended > 0 and accepted / ended < alert_below
    if is_raised:
        return Alarm.LEAVE_AS_IT_IS if is_low else Alarm.END
    return Alarm.RAISE if is_low and ended >= ENOUGH_ATTEMPTS else Alarm.LEAVE_AS_IT_IS
