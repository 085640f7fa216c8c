"""The figures of a process for /metrics: what they are called, and distributions counted in place.

A record of the SDK costs 5 µs, as much as a hundredth of a command and more than reading an event;
here it costs a tenth of that, and the SDK is given the sums when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import StrEnum
from time import perf_counter
from types import TracebackType
from typing import NamedTuple

from shared.errors import DomainError, StoreAway


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Described(NamedTuple):
    """`name` as Prometheus shows it; labels hold ids and names of ours, never personal data."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    meaning: str


class Counted(NamedTuple):
    """What a distribution has counted under one set of label values: per bucket, not summed up."""

    labels: tuple[str, ...]
    buckets: list[int]
    total: float


class Distribution:
    """A histogram of this process. Recorded in one thread, that of the event loop."""

    __slots__ = ("_buckets", "_totals", "bounds", "described")

    def __init__(self, described: Described, bounds: Sequence[float]) -> None:
        self.described = described
        self.bounds = tuple(bounds)
        self._buckets: dict[tuple[str, ...], list[int]] = {}
        self._totals: dict[tuple[str, ...], float] = {}

    def record(self, value: float, *labels: str) -> None:
        """A bucket takes what is at most its bound."""
        buckets = self._buckets.get(labels)
        if buckets is None:
            buckets = self._buckets[labels] = [0] * (len(self.bounds) + 1)
            self._totals[labels] = 0.0
        buckets[bisect_left(self.bounds, value)] += 1
        self._totals[labels] += value

    def counted(self) -> list[Counted]:
        return [
            Counted(labels, list(buckets), self._totals[labels])
            for labels, buckets in self._buckets.items()
        ]


_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)
_EVENTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 20_000.0)

COMMAND_SECONDS = Distribution(
    Described(
        "pulsetrail_command_seconds",
        Kind.HISTOGRAM,
        ("log", "outcome"),
        "seconds",
        "From a command to its answer: read, decided, stored. `outcome`: done, duplicate, refused"
        " or failed (a store was away).",
    ),
    _SECONDS,
)
APPEND_SECONDS = Distribution(
    Described(
        "pulsetrail_append_seconds",
        Kind.HISTOGRAM,
        ("log",),
        "seconds",
        "From an append to its answer by the event store, the wait for the common commit included.",
    ),
    _SECONDS,
)
BATCH_EVENTS = Distribution(
    Described(
        "pulsetrail_subscription_batch_events",
        Kind.HISTOGRAM,
        ("subscription",),
        "events",
        "Events that a read model or reaction took at once.",
    ),
    _EVENTS,
)
BATCH_SECONDS = Distribution(
    Described(
        "pulsetrail_subscription_batch_seconds",
        Kind.HISTOGRAM,
        ("subscription",),
        "seconds",
        "From a batch to its commit.",
    ),
    _SECONDS,
)
LATENESS_SECONDS = Distribution(
    Described(
        "pulsetrail_deadline_lateness_seconds",
        Kind.HISTOGRAM,
        ("rule",),
        "seconds",
        "From when a deadline was due to when its signal was stored; those of a history left out.",
    ),
    _LATE_SECONDS,
)


class CommandTimer:
    """Times one command while it is handled."""

    __slots__ = ("_begun", "_log", "is_duplicate")

    def __init__(self, log: str) -> None:
        self._log = log
        self.is_duplicate = False

    def __enter__(self) -> "CommandTimer":
        self._begun = perf_counter()
        return self

    def __exit__(
        self, _kind: object, failure: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if failure is None:
            outcome = "duplicate" if self.is_duplicate else "done"
        elif isinstance(failure, DomainError) and not isinstance(failure, StoreAway):
            outcome = "refused"
        else:
            outcome = "failed"
        COMMAND_SECONDS.record(perf_counter() - self._begun, self._log, outcome)


DISTRIBUTIONS = (COMMAND_SECONDS, APPEND_SECONDS, BATCH_EVENTS, BATCH_SECONDS, LATENESS_SECONDS)

CPU_SECONDS = Described(
    "pulsetrail_process_cpu_seconds_total",
    Kind.COUNTER,
    (),
    "seconds",
    "CPU that this process has spent, all its threads.",
)

OUTCOMES = ("applied", "skipped", "retried", "dead_lettered")

DESCRIBED: Mapping[str, Described] = {
    each.name: each
    for each in (
        *(each.described for each in DISTRIBUTIONS),
        CPU_SECONDS,
        Described(
            "pulsetrail_subscription_events_total",
            Kind.COUNTER,
            ("subscription", "outcome"),
            "events",
            "What became of the events that this process took: applied; skipped, since they had"
            " been applied before; retried (batches that failed and came again); dead_lettered.",
        ),
        Described(
            "pulsetrail_subscription_lag_events",
            Kind.GAUGE,
            ("subscription",),
            "events",
            "Events that are stored and not applied yet.",
        ),
        Described(
            "pulsetrail_subscription_stopped_partitions",
            Kind.GAUGE,
            ("subscription",),
            "partitions",
            "Partitions that this process follows no further, since an event of them is missing.",
        ),
        Described(
            "pulsetrail_relayed_events_total",
            Kind.COUNTER,
            ("log",),
            "events",
            "Events that this process has sent to Kafka and advanced over since it started.",
        ),
        Described(
            "pulsetrail_relay_lag_events",
            Kind.GAUGE,
            ("log",),
            "events",
            "Events of the relay's partitions that are stored and not in Kafka yet.",
        ),
        Described(
            "pulsetrail_relay_partitions",
            Kind.GAUGE,
            ("log",),
            "partitions",
            "Partitions whose lease this process holds.",
        ),
        Described(
            "pulsetrail_relay_stopped_partitions",
            Kind.GAUGE,
            ("log",),
            "partitions",
            "Partitions that this process does not relay, since an event of them is missing.",
        ),
        Described(
            "pulsetrail_delivery_rate",
            Kind.GAUGE,
            ("tenant", "channel"),
            "ratio",
            "Attempts accepted ÷ attempts ended in the last 24 hours (N5).",
        ),
        Described(
            "pulsetrail_delivery_rate_alert",
            Kind.GAUGE,
            ("tenant", "channel"),
            "0 or 1",
            "1 where the delivery rate is below the tenant's `delivery_rate_alert`.",
        ),
    )
}
