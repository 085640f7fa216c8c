"""The demonstration on the stores of the scaled system, before anybody else records there."""

from datetime import datetime, timedelta

from services.cli.demonstration.filling import (
    WAS_THERE,
    Filled,
    Progress,
    begun_at,
    fill_demo,
    is_filled,
)
from services.cli.demonstration.script import FULL_SIZE, Size
from services.embedded import LOGS
from services.scaled import Alone, open_alone
from shared.clock import VirtualClock, wall_clock  # noqa: TID251  # simulated days end today
from shared.errors import DomainError
from shared.settings import ScaledSettings

_LEASE = "demonstration"


class NeedsPostgres(DomainError):
    code = "needs-postgres"


class LogHasGoneOn(DomainError):
    """The days that the demonstration would live through are over for these logs."""

    code = "log-has-gone-on"


async def demonstrate_on_database(
    scaled: ScaledSettings, progress: Progress, size: Size = FULL_SIZE
) -> Filled:
    """Fill the tenant `demo` with the days up to now, if it is not filled, or the rest of them.

    A partition's events are recorded one after the other, whoever's they are: it has to be the
    first to record here. Raises LogHasGoneOn otherwise, NeedsPostgres, StoreAway,
    PartitionsAreFixed.
    """
    if scaled.is_on_kurrentdb:
        raise NeedsPostgres("the demonstration is for an event store on PostgreSQL, not KurrentDB")
    now = wall_clock()
    clock = VirtualClock(now - timedelta(days=size.days))
    async with open_alone(scaled, clock=clock) as alone:
        hosting = alone.hosting
        if not await alone.lease.is_ours(_LEASE):
            raise LogHasGoneOn("another process is filling the demonstration tenant: let it end")
        begun = await begun_at(hosting.ports)
        ends = clock() if begun is None else begun + timedelta(days=size.days)
        if await _gone_beyond(alone, ends):
            if await is_filled(hosting.ports, size):
                return WAS_THERE
            raise LogHasGoneOn(
                "the demonstration lives through its days before anything else is recorded, and"
                " here something was: take a database of its own (stop all processes, then"
                " `pulsetrail migrate`, `pulsetrail demo`, and only then start them)"
            )
        return await fill_demo(hosting, clock, now, progress, size)


async def _gone_beyond(alone: Alone, moment: datetime) -> bool:
    for log in LOGS:
        for partition in range(alone.hosting.ports.event_store.partitions):
            if await alone.recorded_until(log, partition) > moment:
                return True
    return False
