"""Whom to be in the demonstration: people worth looking at the boards as."""

from typing import NamedTuple

from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.demonstration.staff import ROOT_UNIT_ID
from shared.access import Role
from shared.event_type import Withheld
from shared.organisation import Organisation
from shared.ports import Ports

_ALSO = (Role.SALES_BP, Role.AUDITOR, Role.ADMINISTRATOR)
_TROUBLED_TEAMS = ("hangzhou-1", "shanghai-1")


class SignInIdentity(NamedTuple):
    person_id: str
    name: str
    role: Role
    unit_id: str
    language: str


async def sign_in_identities(ports: Ports) -> tuple[SignInIdentity, ...]:
    """The managing director first, then a manager and a rep of a team in trouble, then others.

    Raises NotFound where the demonstration was never begun.
    """
    organisation = await ports.organisations.of(DEMO_TENANT)
    team = next(each for each in _TROUBLED_TEAMS if organisation.knows_unit(each))
    wanted = [
        (Role.DIRECTOR, ROOT_UNIT_ID),
        (Role.MANAGER, team),
        (Role.REP, team),
        *((role, ROOT_UNIT_ID) for role in _ALSO),
    ]
    return tuple(
        _identity(organisation, person_id, role, unit_id)
        for role, unit_id in wanted
        for person_id in organisation.holders(role, unit_id)[:1]
    )


def _identity(
    organisation: Organisation, person_id: str, role: Role, unit_id: str
) -> SignInIdentity:
    person = organisation.people[person_id]
    name = person_id if person.name is None or isinstance(person.name, Withheld) else person.name
    return SignInIdentity(person_id, name, role, unit_id, person.language)
