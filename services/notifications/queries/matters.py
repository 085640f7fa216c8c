"""What an escalation is about, in the words and with the names that its reader knows."""

from datetime import datetime

from services.notifications.domain.default_words import Words
from services.notifications.domain.words import Matter, language_for, rendered, words_for
from services.notifications.queries.tenant_choices import TenantChoices
from shared.events.notifications import EscalationOpened
from shared.organisation import Organisation
from shared.organisations import Organisations


class Matters:
    def __init__(self, organisations: Organisations, choices: TenantChoices) -> None:
        self._organisations = organisations
        self._choices = choices

    async def language_of(self, tenant_id: str, person_id: str) -> str:
        person = (await self._organisations.of(tenant_id)).people.get(person_id)
        return language_for(person.language if person else "")

    async def said(
        self, tenant_id: str, opened: EscalationOpened, language: str, now: datetime
    ) -> Words:
        organisation = await self._organisations.of(tenant_id)
        own_words = await self._choices.own_words(tenant_id)
        matter = Matter(
            rule=opened.rule,
            subject_kind=opened.subject_kind,
            subject_id=_name_of_subject(opened, organisation),
            customer=opened.customer_id,
            stage=opened.stage,
            unit=_unit_name(opened.unit_id, organisation),
            owner=None if opened.owner_id is None else _name(opened.owner_id, organisation),
            due_at=opened.due_at,
            zone=organisation.zone(organisation.clock(now)),
        )
        return rendered(words_for(opened.rule, language, own_words), matter, language, now)


def _name_of_subject(opened: EscalationOpened, organisation: Organisation) -> str:
    match opened.subject_kind:
        case "unit":
            return _unit_name(opened.subject_id, organisation)
        case "person" | "rep":
            return _name(opened.subject_id, organisation)
        case _:
            return opened.subject_id


def _unit_name(unit_id: str, organisation: Organisation) -> str:
    unit = organisation.units.get(unit_id)
    return unit.name if unit else unit_id


def _name(person_id: str, organisation: Organisation) -> str:
    """The id of whoever is unknown or erased."""
    person = organisation.people.get(person_id)
    return person.name if person and isinstance(person.name, str) else person_id
