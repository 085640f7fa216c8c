"""A time as somebody typed it: in the zone of the tenant."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.projections.pages.visits import Visit
from shared.clock import iso
from shared.errors import FieldProblem, Malformed


def typed_time(visit: Visit, field: str, text: str) -> str:
    """As the API takes it. Raises Malformed."""
    zone = ZoneInfo(visit.organisation.zone())
    try:
        return iso(datetime.fromisoformat(text).replace(tzinfo=zone))
    except ValueError:
        raise Malformed(field, errors=[FieldProblem(field, "missing", "is no time")]) from None
