"""Rows as they were last written by their only writer: what is hot is not read again."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shared.projection import Point

Key = tuple[str, str]
"""Tenant, key."""

_AT_MOST_BYTES = 4 * 1024 * 1024


class KnownRow(NamedTuple):
    """`contributions`: what the row adds to figures."""

    row: Any
    incomplete: bool
    contributions: Mapping[Point, int]


class RowMemory:
    """Of one subscription, as long as nobody else has written its rows.

    Bounded by the encoded sizes of what it holds: when the younger half is full, what was not
    used since the older one was is forgotten.
    """

    def __init__(self, at_most_bytes: int = _AT_MOST_BYTES) -> None:
        self._half = at_most_bytes // 2
        self._bytes = 0
        self._young: dict[Key, KnownRow] = {}
        self._old: dict[Key, KnownRow] = {}

    def known(self, keys: Iterable[Key]) -> dict[Key, KnownRow]:
        """Those that it holds."""
        young, old = self._young, self._old
        found: dict[Key, KnownRow] = {}
        for key in keys:
            row = young.get(key) or old.get(key)
            if row is not None:
                found[key] = row
        return found

    def keep(self, key: Key, row: KnownRow, size: int) -> None:
        """As written, in place of what it held; `size` in bytes."""
        if key not in self._young:
            self._bytes += size
            if self._bytes > self._half:
                self._old, self._young, self._bytes = self._young, {}, size
        self._young[key] = row

    def drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def forget(self) -> None:
        """Everything: somebody else may have written."""
        self._young, self._old, self._bytes = {}, {}, 0
