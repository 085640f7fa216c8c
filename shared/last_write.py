"""Whether the last write came through, for readiness: reading alone does not notice a full disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from shared.errors import StoreAway

_TOLD_SECONDS = 10.0
"""Then somebody has to try again: a process that is not ready is not asked to write any more."""


class LastWrite:
    """Of one store, by whatever this process writes there."""

    def __init__(self) -> None:
        self._failure: StoreAway | None = None
        self._failed_at = 0.0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around each write."""
        try:
            yield
        except StoreAway as failure:
            self._failure, self._failed_at = failure, monotonic()
            raise
        self._failure = None

    def check(self) -> None:
        """Raises StoreAway as the last write did, unless that was long ago."""
        if self._failure is not None and monotonic() - self._failed_at < _TOLD_SECONDS:
            raise StoreAway(self._failure.detail)
