"""Appends of one log on their way to the store: timed, and seen in traces."""

from collections.abc import Sequence
from time import perf_counter

from shared.event_store import Append, EventStore, Outcome
from shared.last_write import LastWrite
from shared.telemetry import APPEND_SECONDS
from shared.tracing import batch_span


class MeasuredAppends:
    """Those of one cause that come one after the other, as the lines of a batch do, share one span:
    that of the first."""

    def __init__(self, log: str, store: EventStore) -> None:
        self._log = log
        self._store = store
        self._latest_cause: str | None = None
        self.last = LastWrite()

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        causes = {append.events[0].envelope.trace_context for append in appends if append.events}
        if len(causes) == 1:
            [cause] = causes
            if cause == self._latest_cause:
                causes.clear()
            self._latest_cause = cause
        begun = perf_counter()
        try:
            span = batch_span(f"append {self._log}", causes, {"streams": len(appends)})
            with span, self.last.kept():
                return await self._store.append(appends)
        finally:
            APPEND_SECONDS.record(perf_counter() - begun, self._log)
