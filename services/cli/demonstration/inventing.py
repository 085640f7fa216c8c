"""Records that were made up: entered in a burst when the month ends, and all saying the same."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.cli.demonstration.course import Course, Deed
from services.cli.demonstration.process import TEMPLATES
from services.opportunities.domain.evidence import PHOTO_STOREFRONT


def invent_records(course: Course, until: datetime) -> None:
    """Where the rep does so: visits of the last days, all entered within the same hour."""
    if not course.temperament.invents:
        return
    for day in _month_ends(course, until):
        evening = course.world.office.at(day, course.chance.uniform(17, 17.9))
        is_open = course.closed_at is None or course.closed_at > evening + timedelta(hours=2)
        if is_open and course.happens(0.7):
            _burst(course, evening)


def _burst(course: Course, evening: datetime) -> None:
    opened_at = course.beginning.opened_at
    course.entered = max(evening, course.planned[0].sent_at)
    for _ in range(course.chance.randint(2, 5)):
        claimed = evening - timedelta(minutes=course.chance.randint(30, 5 * 24 * 60))
        kind = course.chance.choice(("visit", "call"))
        text = course.chance.choice(TEMPLATES) if course.happens(0.6) else None
        shown = (PHOTO_STOREFRONT,) if kind == "visit" else ()
        course.entered += timedelta(seconds=course.chance.randint(40, 400))
        course.log(Deed(kind, max(claimed, opened_at), shown, summary=text, late=False))


def _month_ends(course: Course, until: datetime) -> Iterator[date]:
    office = course.world.office
    day = office.day_of(course.beginning.opened_at)
    while day <= office.day_of(until):
        last = office.last_working_day_of_month(day)
        if office.at(last, 17) > course.beginning.opened_at:
            yield last
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
