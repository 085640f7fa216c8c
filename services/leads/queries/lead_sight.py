"""Leads of a part of the tree are looked for where they can be, not among everybody's."""

from sqlalchemy import ColumnElement, Table, or_

from shared.access import Visibility
from shared.organisation import Organisation

_NAMED_AT_MOST = 1_000
"""Beyond so many units and people the whole list is read: most of it is wanted then."""


def narrowed_to(
    table: Table,
    organisation: Organisation,
    visibility: Visibility,
    units: frozenset[str] | None,
) -> ColumnElement[bool] | None:
    """What holds for every lead in sight, and may hold for others; None: nothing is known.

    A lead's unit is its owner's now, so that the people of the units are looked for too.
    """
    in_sight = None if visibility.everything else visibility.unit_ids
    within = in_sight if units is None else units if in_sight is None else units & in_sight
    if within is None:
        return None
    people = {person for unit in within for person in organisation.people_in(unit)}
    if visibility.own_person_id is not None:
        people.add(visibility.own_person_id)
    if len(within) + len(people) > _NAMED_AT_MOST:
        return None
    return or_(table.c.unit_id.in_(sorted(within)), table.c.owner_id.in_(sorted(people)))
