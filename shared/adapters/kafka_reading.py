"""What comes of one partition, read in order: each event once, a hole told at once."""

from collections.abc import Sequence

import structlog
from aiokafka import ConsumerRecord

from shared.adapters.kafka_messages import AnotherLog, MessageCodec
from shared.clock import EPOCH
from shared.envelope import ArrivedEvent
from shared.feed import SubscriptionStopped, WrongLog
from shared.log_source import Delivered

LOG = structlog.get_logger(__name__)


class Misplaced(Exception):
    """What stands at a stored place is later than what comes next: the topic was made anew since,
    and its beginning may hold what comes next."""


class PartitionReading:
    """From a starting point on. `reader` is who is named where it cannot go on. `is_tried` False:
    it goes on at a stored place, of which is not known yet whether the topic is still the same."""

    def __init__(
        self,
        reader: str,
        topic: str,
        codec: MessageCodec,
        next_offset: int,
        *,
        is_tried: bool = True,
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._codec = codec
        self._next_offset = next_offset
        self._has_begun = False
        self._is_tried = is_tried
        self._recorded_until = EPOCH

    def delivered(self, records: Sequence[ConsumerRecord], end: int | None) -> Delivered:
        """`end`: of the partition when these were fetched, where that is known.

        Raises Misplaced, SubscriptionStopped for a hole, and for a log that is not ours.
        """
        try:
            taken = self._codec.read(records)
        except AnotherLog as flaw:
            raise WrongLog(
                f"{self._reader}, {self._topic}: {flaw}: the store or the topic was replaced;"
                " delete the topic, run `pulsetrail topics` and rebuild from the store"
            ) from flaw
        for what in taken.unreadable:
            LOG.warning("record_left_out", topic=self._topic, record=what)
        events = self._fresh(taken.events)
        for tick in taken.ticks:
            if tick.next_position > self._next_offset:
                raise self._hole(tick.next_position)
            self._is_tried = True
            self._recorded_until = max(self._recorded_until, tick.recorded_until)
        until = self._recorded_until if taken.ticks else None
        following = records[-1].offset + 1
        behind = 0 if end is None else max(0, end - following)
        skipped = len(taken.events) - len(events)
        return Delivered(self._codec.partition, events, following, until, behind, skipped)

    def _fresh(self, events: Sequence[ArrivedEvent]) -> Sequence[ArrivedEvent]:
        """Without those that came already."""
        following = self._next_offset + len(events)
        if [event.offset for event in events] == list(range(self._next_offset, following)):
            self._next_offset = following
            self._has_begun |= bool(events)
            self._is_tried |= bool(events)
            return events
        fresh = []
        for event in events:
            if event.offset > self._next_offset:
                raise self._hole(event.offset)
            if event.offset == self._next_offset:
                fresh.append(event)
                self._next_offset += 1
            self._has_begun = self._is_tried = True
        return fresh

    def _hole(self, found: int) -> Misplaced | SubscriptionStopped:
        if not self._is_tried:
            return Misplaced()
        place = f"{self._reader}, {self._topic}/{self._codec.partition}"
        lost = f"events {self._next_offset} to {found - 1}"
        if self._has_begun:
            return SubscriptionStopped(
                f"{place}: {lost} are missing in the midst of the topic: messages were lost;"
                f" {self._remedy}"
            )
        return WrongLog(
            f"{place}: {lost} are not in the topic any more: Kafka has deleted them; {self._remedy}"
        )

    @property
    def _remedy(self) -> str:
        command = "pulsetrail rebuild"
        return f"rebuild it from the store: `{command} {self._reader}` (all: `{command}`)"
