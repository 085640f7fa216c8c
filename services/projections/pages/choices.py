"""What a filter or a form offers to choose from: units and people, as the reader may see them."""

from collections.abc import Iterable

from services.projections.pages.visits import Visit
from shared.access import Resource

Choice = tuple[str, str]


def units_in_sight(visit: Visit, resource: Resource) -> list[Choice]:
    """As a tree from the top."""
    organisation, seen = visit.organisation, visit.asker.visibility(resource)
    found: list[Choice] = []

    def add(unit_id: str, depth: int) -> None:
        is_seen = seen.everything or unit_id in seen.unit_ids
        if is_seen:
            found.append((unit_id, "\u2003" * depth + visit.unit(unit_id)))
        for child in organisation.children(unit_id):
            add(child, depth + 1 if is_seen else depth)

    if organisation.root_id is not None:
        add(organisation.root_id, 0)
    return found


def own_unit(visit: Visit, resource: Resource) -> str | None:
    """The unit that the reader belongs to; who is nobody's, the first one granted. None: all of
    them are as near."""
    person_id = visit.caller.person_id
    unit_id = visit.organisation.unit_of(person_id) if person_id else None
    if unit_id is not None:
        return unit_id
    seen = visit.asker.visibility(resource)
    return next(
        (each.unit_id for each in visit.caller.grants if each.unit_id in seen.unit_ids), None
    )


def people_below(visit: Visit, unit_id: str) -> list[Choice]:
    """Who is there now, in the unit and below it."""
    organisation = visit.organisation
    units = sorted(organisation.subtree(unit_id))
    return named(visit, (each for unit in units for each in organisation.people_in(unit)))


def named(visit: Visit, people: Iterable[str]) -> list[Choice]:
    organisation = visit.organisation
    return [(each, visit.person(each)) for each in people if not organisation.has_left(each)]
