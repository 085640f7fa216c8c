"""Times as somebody typed them: in the zone of the tenant."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from services.projections.pages.visits import Visit
from shared.clock import iso
from shared.errors import FieldProblem, Malformed


def typed_times(visit: Visit, typed: Mapping[str, str]) -> dict[str, str]:
    """As the API takes them. Raises Malformed with every one that is none."""
    zone = ZoneInfo(visit.organisation.zone(visit.asker.clock))
    found, problems = {}, []
    for field, text in typed.items():
        try:
            found[field] = iso(datetime.fromisoformat(text).replace(tzinfo=zone))
        except ValueError:
            code = "no-time" if text else "missing"
            problems.append(FieldProblem(field, code, "a date and a time"))
    if problems:
        raise Malformed("no time", errors=problems)
    return found
