"""Which event of a log is which number: positions in memory, ids in a file of the process."""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

BLOCK = 500
"""Events whose numbers are kept together in the store; also in its stream: never change."""

_ENTRY = 24
_IDS_A_QUERY = 500


class Numbered(NamedTuple):
    """An event's commit position in `$all`, and its id."""

    position: int
    event_id: UUID


class EventNumbers:
    """Events of one log numbered 0, 1, 2 … in the order of `$all`.

    Takes 8 bytes an event of memory; the ids lie in a private temporary database, which spills to
    disk.
    """

    def __init__(self) -> None:
        self._positions = array("Q")
        self._unkept = bytearray()
        """Entries of the events that are in no block yet."""
        self._ids = sqlite3.connect("", isolation_level=None)
        self._ids.execute("PRAGMA journal_mode = OFF")
        self._ids.execute("PRAGMA synchronous = OFF")
        self._ids.execute(
            "CREATE TABLE ids (event_id BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"
        )

    @property
    def next(self) -> int:
        """The number that the next event will get."""
        return len(self._positions)

    @property
    def last(self) -> int | None:
        """The position of the last event numbered."""
        return self._positions[-1] if self._positions else None

    def add(self, events: Sequence[Numbered], *, kept: bool = False) -> None:
        """Raises ValueError unless they follow what is numbered already."""
        last = self.last
        for event in events:
            if last is not None and event.position <= last:
                raise ValueError(f"position {event.position} does not follow position {last}")
            last = event.position
        first = self.next
        rows = [(event.event_id.bytes, number) for number, event in enumerate(events, first)]
        self._ids.execute("BEGIN")
        self._ids.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?)", rows)
        self._ids.execute("COMMIT")
        self._positions.extend(event.position for event in events)
        if not kept:
            for event in events:
                self._unkept += event.position.to_bytes(8, "big") + event.event_id.bytes

    def position(self, number: int) -> int:
        return self._positions[number]

    def number_at(self, position: int) -> int | None:
        """The number of the event that was committed at this position."""
        number = bisect_left(self._positions, position)
        found = number < len(self._positions) and self._positions[number] == position
        return number if found else None

    def number_of(self, event_id: UUID) -> int | None:
        row = self._ids.execute(
            "SELECT number FROM ids WHERE event_id = ?", (event_id.bytes,)
        ).fetchone()
        return None if row is None else int(row[0])

    def known(self, event_ids: Collection[UUID]) -> set[UUID]:
        keys = [each.bytes for each in event_ids]
        found: set[UUID] = set()
        for start in range(0, len(keys), _IDS_A_QUERY):
            asked = keys[start : start + _IDS_A_QUERY]
            places = ",".join("?" * len(asked))
            query = f"SELECT event_id FROM ids WHERE event_id IN ({places})"
            found.update(UUID(bytes=row[0]) for row in self._ids.execute(query, asked))
        return found

    def block(self, index: int) -> bytes:
        """The block's entries; it must be full, and not kept before."""
        at = (index * BLOCK - self._first_unkept) * _ENTRY
        return bytes(self._unkept[at : at + BLOCK * _ENTRY])

    def forget_kept(self, blocks: int) -> None:
        """The first `blocks` blocks are in the store."""
        kept = min(blocks * BLOCK, self.next) - self._first_unkept
        if kept > 0:
            del self._unkept[: kept * _ENTRY]

    @property
    def _first_unkept(self) -> int:
        return self.next - len(self._unkept) // _ENTRY

    def close(self) -> None:
        self._ids.close()


def entries(block: bytes) -> list[Numbered]:
    """Raises ValueError for what is no block."""
    if len(block) != BLOCK * _ENTRY:
        raise ValueError(f"{len(block)} bytes are no block of {BLOCK} events")
    return [
        Numbered(int.from_bytes(block[at : at + 8], "big"), UUID(bytes=block[at + 8 : at + 24]))
        for at in range(0, len(block), _ENTRY)
    ]
