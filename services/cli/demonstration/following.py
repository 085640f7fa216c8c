"""What follows from events, and from the time, in the demonstration: asked where it may have news.

A process that serves asks every follower and every runner again and again; of the simulated days
that would be most of the work.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

from services.embedded import LOGS
from shared.hosting import Hosting

_CONCERNS_EVERYBODY = "directory"
"""Who works where and what is set is read by all, whether or not they follow this log."""


class Following:
    """Read models and reactions hear of their log's events; the runners of a service go by what
    its read models have heard. `leaving_out`: runners that are not stepped here."""

    def __init__(self, hosting: Hosting, leaving_out: Collection[str]) -> None:
        self._store = hosting.ports.event_store
        services = [
            service.name
            for service in hosting.services
            for _each in (*service.read_models, *service.reactions)
        ]
        self._followers = list(zip(services, hosting.subscriptions, strict=True))
        self._runners = [
            (service.name, runner)
            for service in hosting.services
            for runner in service.runners
            if runner.name not in leaving_out
        ]
        self._reached: dict[str, list[int]] = {}

    async def follow(self, moment: datetime) -> None:
        """Until nobody has anything left to do at this moment."""
        await self._catch_up()
        due = self._runners
        while due:
            did = await asyncio.gather(*(runner.step(moment) for _service, runner in due))
            busy = {each.name for (_service, each), some in zip(due, did, strict=True) if some}
            heard = await self._catch_up()
            due = [
                (service, each)
                for service, each in self._runners
                if service in heard or each.name in busy
            ]

    async def _catch_up(self) -> set[str]:
        """Side by side, as in a process that serves: they wait for the disk at the same time. Which
        services have heard something."""
        heard: set[str] = set()
        while True:
            heads = {log: await self._heads(log) for log in LOGS}
            moved = {log for log in LOGS if heads[log] != self._reached.get(log)}
            if not moved:
                return heard
            behind = [each for each in self._followers if each[1].log in moved]
            took = await asyncio.gather(*(subscription.step() for _service, subscription in behind))
            still = set()
            for (service, subscription), some in zip(behind, took, strict=True):
                if some:
                    still.add(subscription.log)
                    heard.add(service)
            if _CONCERNS_EVERYBODY in still:
                heard |= {service for service, _runner in self._runners}
            self._reached |= {log: heads[log] for log in moved - still}

    async def _heads(self, log: str) -> list[int]:
        return [await self._store.head(log, each) for each in range(self._store.partitions)]
