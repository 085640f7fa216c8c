"""A visit to a page: who reads it, in which language, by which clock, what things are called."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from services.projections.pages.catalogue import LANGUAGES
from services.projections.pages.own_api import OwnApi
from services.projections.pages.reader_words import Words
from services.projections.queries.asking import Asker
from services.projections.queries.boards import asker_of
from services.projections.queries.customer_names import KnownCustomer, known_customers
from services.projections.queries.freshness import caught_up, seconds_behind
from services.projections.queries.stage_titles import stage_titles
from shared.access import Caller, Resource, Verb, may
from shared.organisation import Organisation
from shared.ports import Ports
from shared.progress import NotReachedYet

LANGUAGE_COOKIE = "pulsetrail_language"
_A_WRITE_TAKES_SECONDS = 2.0
_A_CHANGE_TAKES_SECONDS = 0.5
"""A page asks again when something was recorded, which its rows follow in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """`behind_seconds`: how much later the rows may be than what was recorded; 0: not at all.
    `unread`: messages in the reader's inbox."""

    request: Request
    ports: Ports
    caller: Caller
    asker: Asker
    words: Words
    stages: Mapping[str, str]
    behind_seconds: int
    unread: int = 0
    customers: dict[str, KnownCustomer] = field(default_factory=dict)

    @property
    def organisation(self) -> Organisation:
        return self.asker.organisation

    @property
    def api(self) -> OwnApi:
        return OwnApi(self.request)

    def may(self, resource: Resource, verb: Verb = Verb.READ) -> bool:
        return may(self.caller, resource, verb)

    async def know_customers(self, customer_ids: Sequence[str | None]) -> None:
        """Their names are asked for once, with one question."""
        wanted = {each for each in customer_ids if each} - self.customers.keys()
        if wanted:
            found = await known_customers(self.ports, self.asker.tenant_id, sorted(wanted))
            self.customers.update(found)

    def customer(self, customer_id: str | None) -> str:
        known = self.customers.get(customer_id or "")
        return known.name if known else customer_id or ""

    def customer_phone(self, customer_id: str | None) -> str | None:
        known = self.customers.get(customer_id or "")
        return known.phone if known else None

    def person(self, person_id: str | None) -> str:
        """An id is shown only where there is no name."""
        if person_id is None:
            return self.words.say("nobody")
        return self.organisation.called(person_id)

    def unit(self, unit_id: str) -> str:
        known = self.organisation.units.get(unit_id)
        return known.name if known else unit_id

    def stage(self, stage: str) -> str:
        return self.stages.get(stage, stage)

    def phone(self, person_id: str | None) -> str | None:
        known = self.organisation.people.get(person_id or "")
        number = known.addresses.get("sms") if known else None
        return number if isinstance(number, str) else None


async def visit_of(ports: Ports, request: Request, caller: Caller) -> Visit:
    if "hx-request" in request.headers:
        await caught_up(ports, _A_CHANGE_TAKES_SECONDS)
    asker = await asker_of(ports, caller.tenant_id, caller, ports.clock())
    words = words_for(request, asker.organisation.zone(asker.clock), asker.clock)
    return Visit(
        request=request,
        ports=ports,
        caller=caller,
        asker=asker,
        words=words,
        stages=await stage_titles(ports.read_store, asker.tenant_id, words.language),
        behind_seconds=await seconds_behind(ports),
        unread=await _unread(request, caller),
    )


async def _unread(request: Request, caller: Caller) -> int:
    """Where rows are asked for again the menu stays as it is: it is not counted anew."""
    has_inbox = caller.person_id is not None and may(caller, Resource.INBOX, Verb.READ)
    if not has_inbox or "hx-request" in request.headers:
        return 0
    return int((await OwnApi(request).get("/inbox/unread"))["unread"])


async def wait_until_shown(ports: Ports, position: str) -> None:
    """What a form stored; where the boards take longer, they say by how much."""
    with suppress(NotReachedYet):
        await ports.progress.wait_for(position, seconds=_A_WRITE_TAKES_SECONDS)


def words_for(request: Request, zone: str, now: datetime) -> Words:
    return Words(language=reader_language(request), zone=zone, now=now)


def reader_language(request: Request) -> str:
    """The one just chosen, else the one remembered, else the browser's first that we speak."""
    chosen = request.query_params.get("language"), request.cookies.get(LANGUAGE_COOKIE)
    accepted = request.headers.get("accept-language", "").split(",")
    spoken = [each.split(";")[0].strip().lower().split("-")[0] for each in accepted]
    for language in (*chosen, *spoken):
        if language in LANGUAGES:
            return str(language)
    return "en"
