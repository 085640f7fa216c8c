"""Commands kept in a file while there is no network, and posted late and in bulk (G5)."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulsetrail_client import calls
from pulsetrail_client.call import given
from pulsetrail_client.clients import AsyncClient, Client

_MOST_LINES = 10_000
_MOST_BYTES = 7 * 1024 * 1024
"""Under the server's 8 MiB, so that what is added to each line fits too."""
_SETTLED = ("done", "duplicate")
_REFUSED = "refused"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queued (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refused (
    key TEXT PRIMARY KEY,
    line TEXT NOT NULL,
    problem TEXT NOT NULL
) STRICT;
"""


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Posted:
    """`conflicts` stay queued; `refused` are kept apart until somebody has looked at them."""

    settled: int
    refused: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    key: str
    command: Mapping[str, Any]
    problem: Mapping[str, Any]


class OfflineQueue:
    """One file of one device. What `add` has returned from survives a kill and a power cut; what
    was posted but not struck off is posted again under its key, and the server recognises it."""

    def __init__(self, path: Path | str, clock: Callable[[], datetime] = wall_clock) -> None:
        self._clock = clock
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def __len__(self) -> int:
        """How many wait."""
        [count] = self._database.execute("SELECT count(*) FROM queued").fetchone()
        return int(count)

    def add(self, command: str, *, key: str | None = None, **fields: Any) -> str:
        """Answers the idempotency key; the same key again changes nothing. What is not said to have
        happened at another time happens now.

        `command` and `fields` as a line of POST /commands names them.
        """
        key = key or secrets.token_hex(16)
        timed = {"occurred_at": self._clock()} if command in _TIMED else {}
        line = {"command": command, "id": key, **given(timed), **given(fields)}
        self._database.execute(
            "INSERT INTO queued (key, line) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (key, json.dumps(line, ensure_ascii=False)),
        )
        return key

    def post(self, client: Client) -> Posted:
        """All that waits, oldest first. Raises Away with what was not settled still queued."""
        total = Posted(0, 0, 0)
        after = 0
        while part := self._part(after):
            after = part[-1][0]
            total = _sum(total, self._settle(client.send(calls.post_lines(self._lines(part)))))
        return total

    async def post_async(self, client: AsyncClient) -> Posted:
        """As `post`."""
        total = Posted(0, 0, 0)
        after = 0
        while part := self._part(after):
            after = part[-1][0]
            answers = await client.send(calls.post_lines(self._lines(part)))
            total = _sum(total, self._settle(answers))
        return total

    def refused(self) -> list[RefusedCommand]:
        rows = self._database.execute("SELECT key, line, problem FROM refused ORDER BY key")
        return [RefusedCommand(key, json.loads(line), json.loads(why)) for key, line, why in rows]

    def forget_refused(self, key: str) -> None:
        """Somebody has looked at it."""
        self._database.execute("DELETE FROM refused WHERE key = ?", (key,))

    def close(self) -> None:
        self._database.close()

    def _part(self, after: int) -> list[tuple[int, str]]:
        rows = self._database.execute(
            "SELECT number, line FROM queued WHERE number > ? ORDER BY number LIMIT ?",
            (after, _MOST_LINES),
        )
        part: list[tuple[int, str]] = []
        room = _MOST_BYTES
        for number, line in rows:
            room -= len(line.encode()) + 1
            if part and room < 0:
                break
            part.append((number, line))
        return part

    def _lines(self, part: Sequence[tuple[int, str]]) -> bytes:
        """With what this clock says now: the server corrects `occurred_at` by how wrong it is."""
        sent_at = given({"sent_at": self._clock()})
        lines = []
        for _number, line in part:
            fields = json.loads(line)
            said = fields | sent_at if fields["command"] in _TIMED else fields
            lines.append(json.dumps(said, ensure_ascii=False))
        return "\n".join(lines).encode() + b"\n"

    def _settle(self, answers: Sequence[Mapping[str, Any]]) -> Posted:
        settled, refused = 0, 0
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for answer in answers:
                key, outcome = answer["id"], answer["outcome"]
                if outcome == _REFUSED:
                    refused += 1
                    self._database.execute(
                        "INSERT OR REPLACE INTO refused (key, line, problem)"
                        " SELECT key, line, ? FROM queued WHERE key = ?",
                        (json.dumps(answer["problem"], ensure_ascii=False), key),
                    )
                elif outcome in _SETTLED or _was_accepted_before(answer):
                    settled += 1
                else:
                    continue
                self._database.execute("DELETE FROM queued WHERE key = ?", (key,))
        return Posted(settled, refused, len(answers) - settled - refused)


_TIMED = frozenset(
    {
        "open-opportunity",
        "log-action",
        "change-stage",
        "win",
        "lose",
        "reopen",
        "correct-action",
        "attach-evidence",
    }
)
"""Commands that say when it happened, and by which clock."""


def _was_accepted_before(answer: Mapping[str, Any]) -> bool:
    """Its answer was lost: only accepted commands are remembered, and this one says another
    `sent_at` now."""
    return bool(answer.get("problem", {}).get("code") == "idempotency-key-reused")


def _sum(first: Posted, second: Posted) -> Posted:
    return Posted(
        first.settled + second.settled,
        first.refused + second.refused,
        first.conflicts + second.conflicts,
    )
