"""The part of the services that one process of several runs."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog

from shared.checkpoints import refuse_foreign
from shared.delivered_subscription import DeliveredSubscription, OpenSource
from shared.errors import CannotGoOn, StoreAway
from shared.feed import Feed, WrongLog
from shared.followed_elsewhere import CheckpointReader, FollowedElsewhere, known_until
from shared.ports import Ports
from shared.projecting import ReadModel
from shared.reaction import Reaction
from shared.running import Lease, Running, Work
from shared.service import Runner, Service

LOG = structlog.get_logger(__name__)

STOPPING_SECONDS = 10.0
_RETRY_SECONDS = 2.0
_SETTLE_SECONDS = 0.25
_STANDSTILL_SECONDS = 30.0
_BEHIND_SECONDS = 0.25
"""Here the clock moves with the subscriptions, a few times a second, and no append tells of it."""


class ScaledHosting:
    """`services` are all there are; this process follows for some, runs what time brings for some,
    and shows the routes of some. How far the others' subscriptions are it reads."""

    def __init__(  # noqa: PLR0913  # what the three kinds of processes differ in
        self,
        ports: Ports,
        services: Sequence[Service],
        *,
        serves: Collection[str] = (),
        follows: Collection[str] = (),
        runs: Collection[str] = (),
        open_source: OpenSource,
        lease: Lease,
    ) -> None:
        self.ports = ports
        self.services = [each for each in services if each.name in serves]
        self._checkpoints = CheckpointReader(ports.read_store)
        self._targets = {each.name: _targets(each) for each in services}
        feed = Feed(ports.event_store, ports.codec)
        self.subscriptions = tuple(
            DeliveredSubscription(target, feed, ports.read_store, open_source)
            for name in self._targets
            if name in follows
            for target in self._targets[name]
        )
        self.everywhere = tuple(
            FollowedElsewhere(target, ports.event_store, ports.read_store, self._checkpoints)
            for targets in self._targets.values()
            for target in targets
        )
        shown = {model.name for service in self.services for model in service.read_models}
        self.shown = tuple(each for each in self.everywhere if each.target.name in shown)
        ports.progress.follow(self.everywhere)
        self.runners = tuple(
            runner for each in services if each.name in runs for runner in each.runners
        )
        self._running = Running(
            ports.event_store,
            self.subscriptions,
            self.runners,
            self._known_until,
            lease=lease,
            behind_seconds=_BEHIND_SECONDS,
            poll_seconds_at_most=_BEHIND_SECONDS,
        )
        self.leaving = asyncio.Event()
        self.lease = lease

    @property
    def stopped(self) -> Mapping[str, str]:
        """What was ended, and single partitions of what goes on elsewhere."""
        of_partitions = {
            f"{each.name}/{partition}": why
            for each in self.subscriptions
            for partition, why in each.stopped.items()
        }
        return self._running.stopped | of_partitions

    @property
    def folder(self) -> None:
        """What the embedded system lies in."""
        return

    async def settle(self) -> None:
        """Until those who follow, in whichever process, stand at the head.

        Raises StoreAway when none of them moves for half a minute.
        """
        loop = asyncio.get_running_loop()
        reached: list[int] = []
        moved_at = loop.time()
        while not all([await each.at_head() for each in self.everywhere]):
            places = await self._checkpoints.places()
            now = [each.next_offset for of_one in places.values() for each in of_one.values()]
            if now != reached:
                reached, moved_at = now, loop.time()
            if loop.time() - moved_at > _STANDSTILL_SECONDS:
                raise StoreAway("the read models stand still: is there a worker, and a relay?")
            await asyncio.sleep(_SETTLE_SECONDS)

    async def catch_up(self, runners: bool = True) -> None:
        """Here that is the others' work."""
        await self.settle()

    @property
    def cannot_go_on(self) -> asyncio.Event:
        return self._running.cannot_go_on

    async def start(self) -> None:
        """As soon as the database is there; returns when the log is."""
        await self.prepare()
        self._running.start()
        await self._know_the_log()

    def work(self) -> list[Work]:
        """For a host that starts it itself, after `prepare`."""
        return self._running.work()

    def tell_to_stop(self) -> None:
        self._running.tell_to_stop()

    async def stop(self) -> None:
        """What is in hand is finished, groups are left."""
        await self._running.stop(STOPPING_SECONDS)

    async def create_tables(self) -> None:
        """Asking a read model for its tables declares them."""
        for targets in self._targets.values():
            for target in targets:
                if not isinstance(target, Reaction):
                    target.tables  # noqa: B018
        await self.ports.read_store.create_tables()

    async def prepare(self) -> None:
        """Tables, as soon as the database is there."""
        while True:
            try:
                await self.create_tables()
                return
            except StoreAway as failure:
                LOG.warning("waiting_for_the_read_store", why=failure.detail)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _know_the_log(self) -> None:
        """Once it is there: is it as it was set, and the one that all have followed? Where not,
        this process cannot go on. Followers find out by themselves, requests never would."""
        while True:
            try:
                await self.ports.event_store.check()
                await refuse_foreign(self.ports.event_store, self.ports.read_store)
                return
            except StoreAway as failure:
                LOG.warning("waiting_for_the_event_store", why=failure.detail)
                await asyncio.sleep(_RETRY_SECONDS)
            except (CannotGoOn, WrongLog) as end:
                self._running.give_up("event store", end)
                return

    async def _known_until(self, runner: Runner) -> datetime | None:
        """By everything that the runner's service follows, in whichever process."""
        names = [_named(target) for target in self._targets[runner.name.split(".")[0]]]
        return await known_until(self._checkpoints, names, self.ports.event_store.partitions)


def _targets(service: Service) -> Sequence[ReadModel | Reaction]:
    return (*service.read_models, *service.reactions)


def _named(target: ReadModel | Reaction) -> str:
    return f"{target.name}.v{target.version}"
