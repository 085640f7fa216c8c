"""The folder of the embedded system: who holds it, and what lies where."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO, NamedTuple


class FolderInUse(Exception):
    """Another process holds the folder's lock."""


class DataIsNewer(Exception):
    """The file was written by a newer version of Pulsetrail; nothing was touched."""


class Serving(NamedTuple):
    """Where the process that holds the folder can be asked to do work; `token` is local only."""

    address: str
    token: str


class DataFolder:
    """`events.db` (the truth), `keys.db` (kept out of backups), `read_models.db` (can be rebuilt),
    `objects/` (evidence), `lock`, and `serving.json` while a process serves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def events(self) -> Path:
        return self.path / "events.db"

    @property
    def keys(self) -> Path:
        return self.path / "keys.db"

    @property
    def read_models(self) -> Path:
        return self.path / "read_models.db"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    def acquire(self) -> None:
        """Raises FolderInUse, and OSError for a folder that cannot be made or written."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            lock.close()
            raise FolderInUse(f"{self.path} is in use by another process") from taken
        self._lock = lock
        self._serving_file.unlink(missing_ok=True)

    def release(self) -> None:
        if self._lock is not None:
            self._serving_file.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def announce(self, serving: Serving) -> None:
        """Readable by the folder's owner alone."""
        draft = self._serving_file.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(serving._asdict(), file)
        draft.replace(self._serving_file)

    def serving(self) -> Serving | None:
        """Who serves this folder; None while its holder is not (yet) reachable."""
        try:
            return Serving(**json.loads(self._serving_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def is_served(self) -> bool:
        """Whether a process that can be asked holds it; one that was killed does no more."""
        if self.serving() is None:
            return False
        with (self.path / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def _serving_file(self) -> Path:
        return self.path / "serving.json"
