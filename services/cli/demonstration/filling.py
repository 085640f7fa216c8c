"""Running the demonstration: the script's commands under a clock that the simulation moves."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from services.cli.demonstration.answering import Answering
from services.cli.demonstration.following import Following
from services.cli.demonstration.given_leads import GivenLeads
from services.cli.demonstration.planned import DEMO_TENANT, Planned, To
from services.cli.demonstration.script import FULL_SIZE, SEED, Script, Size, demonstration
from services.cli.demonstration.sending import Sending, Surprise
from services.directory.domain.tenant import TENANT
from shared.clock import VirtualClock, wall_clock
from shared.envelope import stream_name
from shared.hosting import Hosting
from shared.ports import Ports
from shared.settings import InstallationSettings

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""

_ENTRIES_EVERY = timedelta(minutes=60)
_WATCHED_LATELY_AT = (10.0, 14.0, 17.5)
_WATCHED_BEFORE_AT = (17.0,)
_LATELY = timedelta(days=21)
_WATCHED_ON_DAYS_OFF = (20.0,)
_JUDGES_WINDOWS = frozenset({"projections.workshops", "projections.figures"})


class Filled(NamedTuple):
    """`was_there`: the demonstration was complete before, so nothing was done."""

    was_there: bool
    sent: int
    refused: int
    surprises: tuple[Surprise, ...]


WAS_THERE = Filled(was_there=True, sent=0, refused=0, surprises=())


async def demonstrate(
    path: Path,
    settings: InstallationSettings | None = None,
    progress: Progress | None = None,
    size: Size = FULL_SIZE,
) -> Filled:
    """Fill the tenant `demo` of a data folder with the days up to now, if it is not filled.

    Raises FolderInUse, DataIsNewer, StoreAway.
    """
    from services.embedded import open_embedded

    now = wall_clock()
    clock = VirtualClock(now - timedelta(days=size.days))
    async with open_embedded(path, clock=clock, settings=settings) as hosting:
        return await fill_demo(hosting, clock, now, progress or _untold, size)


async def fill_demo(
    hosting: Hosting,
    clock: VirtualClock,
    until: datetime,
    progress: Progress,
    size: Size = FULL_SIZE,
) -> Filled:
    """Run the demonstration that ends at `until`, or the rest of one that was interrupted.

    The hosting's store must read its time from `clock`, which must not be beyond the beginning.
    """
    ports = hosting.ports
    begun = await begun_at(ports)
    script = demonstration(begun or until - timedelta(days=size.days), size, SEED)
    past = await _sent_before(ports, script)
    if past.is_complete:
        return WAS_THERE
    filling = _Filling(hosting, clock, script, past)
    await filling.furnish()
    await filling.run(progress)
    sending = filling.sending
    return Filled(False, filling.sent, sending.refused, tuple(sending.surprises))


async def is_filled(ports: Ports, size: Size | None = None) -> bool:
    """Whether the demonstration was run to its end."""
    begun = await begun_at(ports)
    if begun is None:
        return False
    script = demonstration(begun, size or FULL_SIZE, SEED)
    return (await _sent_before(ports, script)).is_complete


async def begun_at(ports: Ports) -> datetime | None:
    """When the tenant was created, which is when an interrupted demonstration begins."""
    stored = await ports.event_store.read_stream(stream_name(DEMO_TENANT, TENANT.name, DEMO_TENANT))
    if not stored:
        return None
    created_at: datetime = ports.codec.decode(stored[0]).event.created_at
    return created_at


class _Past(NamedTuple):
    """What an interrupted demonstration has done: the moment up to which commands were sent."""

    sent_until: datetime
    is_complete: bool
    furnished: frozenset[str]


class _Filling:
    def __init__(self, hosting: Hosting, clock: VirtualClock, script: Script, past: _Past) -> None:
        self._hosting = hosting
        self._clock = clock
        self._script = script
        self._past = past
        self._following = Following(hosting, _JUDGES_WINDOWS)
        self._answering = Answering(hosting.ports, script.office, script.seed)
        self._given_leads = GivenLeads(hosting.ports, script)
        self._waiting: list[Planned] = []
        self.sending = Sending(hosting.ports, script.seed, script.proofs)
        self.sent = 0

    async def furnish(self) -> None:
        """The tenant first: what every tenant has follows from its creation."""
        self._clock.move_to(self._script.start)
        waiting = [
            each for each in self._script.furnishing if each.name not in self._past.furnished
        ]
        for these in (
            [each for each in waiting if each.to == To.TENANT],
            [each for each in waiting if each.to != To.TENANT],
        ):
            await self.sending.send(these, self._script.start)
            self.sent += len(these)
            if self._past.sent_until <= self._script.start:
                await self._hosting.catch_up()

    async def run(self, progress: Progress) -> None:
        """Commands in half hours, and after every few of them what follows from the time."""
        script = self._script
        span = script.until - script.start
        await self._take_up(
            [each for each in script.commands if each.sent_at > self._past.sent_until]
        )
        for moment in watched_moments(script):
            if moment <= self._past.sent_until:
                continue
            await self._send_until(moment)
            await self._answering.answer(moment)
            await self._follow(moment)
            await self._answering.notice(self._past.sent_until)
            await self._take_up([])
            progress((moment - script.start) / span)

    async def _follow(self, moment: datetime) -> None:
        """What follows from the time; whole windows are judged on days off and at the end alone."""
        office = self._script.office
        if moment == self._script.until or not office.works_on(office.day_of(moment)):
            await self._hosting.catch_up()
            return
        await self._following.follow(moment)

    async def _take_up(self, planned: Sequence[Planned]) -> None:
        """With what follows from the leads given by now; the next one stands at the end."""
        following, proofs = await self._given_leads.noticed()
        self.sending.learn(proofs)
        if planned or following:
            waiting = [*reversed(self._waiting), *planned, *following]
            self._waiting = sorted(waiting, key=lambda each: each.sent_at)[::-1]

    async def _send_until(self, moment: datetime) -> None:
        waiting = self._waiting
        while waiting and waiting[-1].sent_at <= moment:
            entered_at = min(moment, _half_hour_after(waiting[-1].sent_at))
            these: list[Planned] = []
            while waiting and waiting[-1].sent_at <= entered_at:
                these.append(waiting.pop())
            self._clock.move_to(entered_at)
            await self.sending.send(these, entered_at)
            self.sent += len(these)
        self._clock.move_to(moment)


def watched_moments(script: Script) -> Iterator[datetime]:
    """When the watch and the escalations run: a few times a working day, at the end for sure."""
    office = script.office
    day = office.day_of(script.start)
    while day <= office.day_of(script.until):
        eve = office.works_on(day + timedelta(days=1))
        hours: tuple[float, ...] = _WATCHED_ON_DAYS_OFF if eve else ()
        if office.works_on(day):
            is_late = office.at(day, 0) > script.until - _LATELY
            hours = _WATCHED_LATELY_AT if is_late else _WATCHED_BEFORE_AT
        for hour in hours:
            moment = office.at(day, hour)
            if script.start < moment < script.until:
                yield moment
        day += timedelta(days=1)
    yield script.until


def _half_hour_after(sent_at: datetime) -> datetime:
    since = (sent_at - sent_at.replace(minute=0, second=0, microsecond=0)) % _ENTRIES_EVERY
    return sent_at - since + _ENTRIES_EVERY


async def _sent_before(ports: Ports, script: Script) -> _Past:
    """Commands are sent in their order and each commit is whole: the last known event tells."""
    known = await _known(ports, script, script.commands)
    accepted = [each for each in script.commands if each.refused_with is None]
    sent_until = max((each.sent_at for each in known), default=script.start)
    furnished = await _known(ports, script, script.furnishing)
    return _Past(
        sent_until=sent_until,
        is_complete=bool(accepted) and sent_until >= accepted[-1].sent_at,
        furnished=frozenset(each.name for each in furnished),
    )


async def _known(ports: Ports, script: Script, planned: Sequence[Planned]) -> list[Planned]:
    by_id = {each.event_id(script.seed): each for each in planned}
    return [by_id[each] for each in await ports.event_store.known_events(by_id)]


def _untold(_share: float) -> None:
    return
