"""A channel alarms when it lost too much of enough, and is quiet when it is well again (N5)."""

import pytest

from services.notifications.domain.delivery_alarm import Alarm, alarm


@pytest.mark.parametrize(
    ("ended", "accepted", "is_raised", "expected"),
    [
        (20, 18, False, Alarm.RAISE),
        (20, 19, False, Alarm.LEAVE_AS_IT_IS),
        (19, 0, False, Alarm.LEAVE_AS_IT_IS),
        (0, 0, False, Alarm.LEAVE_AS_IT_IS),
        (100, 94, True, Alarm.LEAVE_AS_IT_IS),
        (3, 0, True, Alarm.LEAVE_AS_IT_IS),
        (100, 95, True, Alarm.END),
        (3, 3, True, Alarm.END),
        (0, 0, True, Alarm.END),
    ],
)
def test_below_the_alert_level_with_enough_attempts_it_alarms(
    ended: int, accepted: int, is_raised: bool, expected: Alarm
) -> None:
    found = alarm(ended=ended, accepted=accepted, alert_below=0.95, is_raised=is_raised)
    assert found is expected
