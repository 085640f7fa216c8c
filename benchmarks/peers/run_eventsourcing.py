"""The library `eventsourcing` on PostgreSQL, without HTTP and without idempotency keys: an action
logged on each of many aggregates, many in one save and one a save; run by the interpreter of the
peer. Prints the seconds that each took."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

url, *numbers = sys.argv[1:]
aggregates, rounds, savers, posts, clients, connections = map(int, numbers)
address = urlsplit(url)
os.environ |= {
    "PERSISTENCE_MODULE": "eventsourcing.postgres",
    "POSTGRES_DBNAME": address.path[1:],
    "POSTGRES_HOST": address.hostname or "",
    "POSTGRES_PORT": str(address.port),
    "POSTGRES_USER": address.username or "",
    "POSTGRES_PASSWORD": "unused",
    "POSTGRES_POOL_SIZE": str(connections),
    "POSTGRES_MAX_OVERFLOW": "0",
    "POSTGRES_POOL_TIMEOUT": "60",
}

from eventsourcing.application import (  # type: ignore[import-not-found]  # noqa: E402  # in an environment of its own, which reads the environment
    Application,
)
from eventsourcing.domain import (  # type: ignore[import-not-found]  # noqa: E402  # the same
    Aggregate,
    event,
)


class Opportunity(Aggregate):  # type: ignore[misc]  # untyped here
    @event("Opened")  # type: ignore[untyped-decorator]  # the same
    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.actions: dict[str, str] = {}

    @event("ActionLogged")  # type: ignore[untyped-decorator]  # the same
    def log_action(self, action_id: str, type: str, summary: str) -> None:
        self.actions[action_id] = type


class Opportunities(Application):  # type: ignore[misc]  # untyped here
    pass


def logged(opportunity: Opportunity, number: int) -> None:
    summary = f"call number {number} about what was offered"
    opportunity.log_action(f"{opportunity.id}-{number}", "call", summary)


def took(works: Sequence[Callable[[], None]]) -> float:
    """All at the same time, a thread each."""
    begun = time.monotonic()
    with ThreadPoolExecutor(len(works)) as threads:
        for each in [threads.submit(work) for work in works]:
            each.result()
    return time.monotonic() - begun


store = Opportunities()
opened = [
    [Opportunity(customer_id=f"C-{number % 100}") for number in range(aggregates)]
    for _ in range(savers)
]
singles = [Opportunity(customer_id=f"C-{number}") for number in range(clients)]
store.save(*singles)
for lot in opened:
    store.save(*lot)


def in_lots(lot: Sequence[Opportunity]) -> None:
    for number in range(rounds):
        for opportunity in lot:
            logged(opportunity, number)
        store.save(*lot)


def one_by_one(opportunity: Opportunity) -> None:
    for number in range(posts):
        logged(opportunity, number)
        store.save(opportunity)


lots = took([lambda lot=lot: in_lots(lot) for lot in opened])  # type: ignore[misc]
single = took([lambda one=one: one_by_one(one) for one in singles])  # type: ignore[misc]
sys.stdout.write(f"{lots} {single}\n")
store.close()
